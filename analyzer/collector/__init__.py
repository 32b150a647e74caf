"""The collector: OTLP over HTTP in, durable and idempotent; it owns the store while it runs."""
