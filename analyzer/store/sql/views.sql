-- One row for every span of every request, each span once: the spans that carry the request's ID
-- and all spans of their traces. A trace without any request ID is a request under its trace ID.
CREATE OR REPLACE VIEW request_spans AS
WITH keyed AS (
    SELECT DISTINCT trace_id, request_id AS request FROM spans WHERE request_id IS NOT NULL
)
SELECT coalesce(keyed.request, spans.trace_id) AS request, spans.*
FROM spans
LEFT JOIN keyed ON keyed.trace_id = spans.trace_id
QUALIFY row_number() OVER (
    PARTITION BY coalesce(keyed.request, spans.trace_id), spans.trace_id, span_id, kind ORDER BY seq
) = 1;

-- One row for every request. It lasts from the first start to the last end of its roots, of all its
-- spans only where no root is known (R1): other clocks, orphans and work that nobody waits for do
-- not move it. A service that received a trace but no request ID gave its part
-- an ID of its own; that part is no request beside the one that its trace's root belongs to.
CREATE OR REPLACE VIEW requests AS
WITH services AS (
    SELECT
        request,
        service,
        min(start_ns) AS start_ns,
        max(start_ns + duration_ns) AS end_ns,
        min(start_ns) FILTER (WHERE parent_span_id IS NULL) AS root_start_ns,
        max(start_ns + duration_ns) FILTER (WHERE parent_span_id IS NULL) AS root_end_ns,
        count(*) AS spans,
        sum(coalesce(pool_wait_ns, 0) + coalesce(dns_ns, 0) + coalesce(connect_ns, 0)
            + coalesce(tls_ns, 0)) AS connection_ns,
        arg_min(
            {
                'request_id': request_id, 'is_root': parent_span_id IS NULL,
                'trace_id': trace_id, 'service': service, 'version': service_version,
                'label': label, 'name': display_name, 'http_status': http_status,
                'status': status
            },
            row(parent_span_id IS NOT NULL, start_ns, -duration_ns, seq)
        ) AS root,
        min(row(parent_span_id IS NOT NULL, start_ns, -duration_ns, seq)) AS rank
    FROM request_spans
    GROUP BY request, service
),
totals AS (
    SELECT
        request,
        coalesce(min(root_start_ns), min(start_ns)) AS begin_ns,
        coalesce(max(root_end_ns), max(end_ns)) AS end_ns,
        sum(spans)::BIGINT AS spans,
        sum(connection_ns)::BIGINT AS connection_ns,
        list(service ORDER BY start_ns, service) AS services,
        arg_min(root, rank) AS root
    FROM services
    GROUP BY request
)
SELECT
    request,
    root.trace_id AS trace_id,
    begin_ns AS start_ns,
    end_ns - begin_ns AS duration_ns,
    connection_ns,
    root.service AS service,
    root.name AS name,
    root.http_status AS status,
    root.status = 'error' OR coalesce(root.http_status >= 500, false) AS error,
    services,
    spans,
    root.label AS label,
    root.version AS version
FROM totals
WHERE NOT (root.is_root AND coalesce(root.request_id <> request, false));

-- The spans as a person reads them: timestamps and milliseconds. A request that two
-- instrumentations of one process saw is one row, the outer one; the inner one's children are its.
CREATE OR REPLACE VIEW spans_ms AS
WITH folded AS (
    SELECT DISTINCT twin.trace_id, twin.span_id, twin.parent_span_id
    FROM spans AS twin
    JOIN spans AS own ON own.trace_id = twin.trace_id AND own.span_id = twin.parent_span_id
    WHERE twin.kind = 'server' AND own.kind = 'server' AND twin.service = own.service
      AND coalesce(twin.http_method = own.http_method, true)
      AND twin.resource['service.instance.id'] IS NOT DISTINCT FROM
          own.resource['service.instance.id']
      AND twin.resource['process.pid'] IS NOT DISTINCT FROM own.resource['process.pid']
      AND coalesce(twin.attributes['url.path'] = own.attributes['url.path'], true)
      AND coalesce(twin.attributes['network.peer.port'] = own.attributes['network.peer.port'], true)
      AND 2 * (least(twin.start_ns + twin.duration_ns, own.start_ns + own.duration_ns)
               - greatest(twin.start_ns, own.start_ns)) >= own.duration_ns
)
SELECT
    make_timestamp(start_ns // 1000) AS start,
    request_id,
    service,
    name,
    kind,
    duration_ns / 1e6 AS ms,
    status,
    http_method,
    http_route,
    http_status,
    TRY_CAST(attributes['tracekit.queue'] AS BIGINT) / 1e6 AS queue_ms,
    TRY_CAST(attributes['tracekit.first_byte'] AS BIGINT) / 1e6 AS first_byte_ms,
    TRY_CAST(attributes['tracekit.loop_lag'] AS BIGINT) / 1e6 AS loop_lag_ms,
    TRY_CAST(attributes['tracekit.ended'] AS VARCHAR) AS ended,
    peer,
    connection_state,
    pool_wait_ns / 1e6 AS pool_wait_ms,
    dns_ns / 1e6 AS dns_ms,
    connect_ns / 1e6 AS connect_ms,
    tls_ns / 1e6 AS tls_ms,
    send_ns / 1e6 AS send_ms,
    wait_ns / 1e6 AS wait_ms,
    receive_ns / 1e6 AS receive_ms,
    label,
    service_version,
    host,
    spans.trace_id,
    spans.span_id,
    coalesce(above.parent_span_id, spans.parent_span_id) AS parent_span_id,
    attributes,
    resource,
    events,
    links
FROM spans
LEFT JOIN folded AS above
    ON above.trace_id = spans.trace_id AND above.span_id = spans.parent_span_id
ANTI JOIN folded AS self
    ON self.trace_id = spans.trace_id AND self.span_id = spans.span_id AND spans.kind = 'server';
