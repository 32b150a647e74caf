-- Schema version 1. Needs DuckDB 1.5 or later (VARIANT).
-- Rows arrive in time order, so DuckDB's zone maps find one request among many without an index.
CREATE TABLE tracekit_schema (
    version INTEGER NOT NULL,
    minimal_duckdb VARCHAR NOT NULL,
    written_by VARCHAR NOT NULL
);

CREATE SEQUENCE ingest_order;

CREATE TABLE spans (
    seq BIGINT NOT NULL DEFAULT nextval('ingest_order'),
    request_id VARCHAR,
    trace_id VARCHAR NOT NULL,
    span_id VARCHAR NOT NULL,
    parent_span_id VARCHAR,
    service VARCHAR NOT NULL,
    service_version VARCHAR,
    label VARCHAR,
    host VARCHAR,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    start_ns BIGINT NOT NULL,
    duration_ns BIGINT NOT NULL,
    status VARCHAR NOT NULL,
    status_message VARCHAR NOT NULL,
    scope VARCHAR NOT NULL,
    display_name VARCHAR NOT NULL,
    http_method VARCHAR,
    http_route VARCHAR,
    http_status INTEGER,
    peer VARCHAR,
    connection_state VARCHAR,
    pool_wait_ns BIGINT,
    dns_ns BIGINT,
    connect_ns BIGINT,
    tls_ns BIGINT,
    send_ns BIGINT,
    wait_ns BIGINT,
    receive_ns BIGINT,
    attributes MAP(VARCHAR, VARIANT) NOT NULL,
    resource MAP(VARCHAR, VARIANT) NOT NULL,
    events STRUCT(name VARCHAR, time_ns BIGINT, attributes MAP(VARCHAR, VARIANT))[] NOT NULL,
    links STRUCT(trace_id VARCHAR, span_id VARCHAR, attributes MAP(VARCHAR, VARIANT))[] NOT NULL
);

-- The digest of every body ever stored, so that a body sent twice changes nothing.
CREATE TABLE bodies (
    digest VARCHAR PRIMARY KEY
);

-- How far each spool file has been read, in bytes; committed together with its spans.
CREATE TABLE spool_files (
    path VARCHAR PRIMARY KEY,
    read_to BIGINT NOT NULL
);
