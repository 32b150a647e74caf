-- One row for every span of every request, each span once. A trace with its root in the store is one
-- request, and so is one with at most one request ID: under the ID of its outermost span that has
-- one, else under its own. A trace whose root is elsewhere and that has several IDs is shared: each
-- tree in it is a request, one without any ID is nobody's (analyzer/parts.py has the same rule).
-- is_root: the span has no parent; is_top: its parent is in no store, in a trace without a root.
CREATE OR REPLACE VIEW request_spans AS
WITH RECURSIVE rootless AS MATERIALIZED (
    SELECT spans.trace_id, span_id, parent_span_id, request_id, start_ns, seq
    FROM spans
    ANTI JOIN (SELECT trace_id FROM spans WHERE parent_span_id IS NULL) AS rooted
      ON rooted.trace_id = spans.trace_id
),
tops AS MATERIALIZED (
    SELECT DISTINCT trace_id, span_id
    FROM rootless
    ANTI JOIN rootless AS parent
      ON parent.trace_id = rootless.trace_id AND parent.span_id = rootless.parent_span_id
),
shared AS MATERIALIZED (
    SELECT trace_id FROM rootless GROUP BY trace_id HAVING min(request_id) < max(request_id)
),
-- UNION, because a span that is told twice with two parents could be below itself.
trees AS (
    SELECT trace_id, span_id, span_id AS top FROM tops SEMI JOIN shared USING (trace_id)
    UNION
    SELECT child.trace_id, child.span_id, trees.top
    FROM trees
    JOIN rootless AS child
      ON child.trace_id = trees.trace_id AND child.parent_span_id = trees.span_id
),
owners AS (
    SELECT
        trees.trace_id,
        trees.top,
        arg_min(request_id, row(trees.span_id <> trees.top, start_ns, seq)) AS request
    FROM trees
    JOIN rootless ON rootless.trace_id = trees.trace_id AND rootless.span_id = trees.span_id
    WHERE request_id IS NOT NULL
    GROUP BY ALL
),
parts AS (
    SELECT trace_id, span_id, min(request) AS request
    FROM trees
    JOIN owners USING (trace_id, top)
    GROUP BY ALL
),
whole AS (
    SELECT
        trace_id,
        arg_min(request_id, row(parent_span_id IS NOT NULL, start_ns, -duration_ns, seq))
            FILTER (WHERE request_id IS NOT NULL) AS request
    FROM spans
    ANTI JOIN shared USING (trace_id)
    GROUP BY trace_id
),
owned AS (
    SELECT coalesce(whole.request, spans.trace_id) AS request, spans.*
    FROM spans
    JOIN whole ON whole.trace_id = spans.trace_id
    UNION ALL
    SELECT parts.request, spans.*
    FROM spans
    JOIN parts ON parts.trace_id = spans.trace_id AND parts.span_id = spans.span_id
)
SELECT
    owned.*,
    parent_span_id IS NULL AS is_root,
    tops.span_id IS NOT NULL AS is_top
FROM owned
LEFT JOIN tops ON tops.trace_id = owned.trace_id AND tops.span_id = owned.span_id
QUALIFY row_number() OVER (
    PARTITION BY request, owned.trace_id, owned.span_id, kind ORDER BY seq
) = 1;

-- One row for every request. It lasts from the first start to the last end of its roots, and where
-- no root is known of its tops (R1): other clocks, orphans and work that nobody waits for do not
-- move it.
CREATE OR REPLACE VIEW requests AS
WITH services AS (
    SELECT
        request,
        service,
        min(start_ns) AS start_ns,
        min(start_ns) FILTER (WHERE is_root) AS root_start_ns,
        max(start_ns + duration_ns) FILTER (WHERE is_root) AS root_end_ns,
        min(start_ns) FILTER (WHERE is_top) AS top_start_ns,
        max(start_ns + duration_ns) FILTER (WHERE is_top) AS top_end_ns,
        count(*) AS spans,
        sum(coalesce(pool_wait_ns, 0) + coalesce(dns_ns, 0) + coalesce(connect_ns, 0)
            + coalesce(tls_ns, 0)) AS connection_ns,
        arg_min(
            {
                'trace_id': trace_id, 'service': service, 'version': service_version,
                'label': label, 'name': display_name, 'http_status': http_status,
                'status': status
            },
            row(NOT is_root, NOT is_top, start_ns, -duration_ns, seq)
        ) AS root,
        min(row(NOT is_root, NOT is_top, start_ns, -duration_ns, seq)) AS rank,
        max(start_ns + duration_ns) AS end_ns
    FROM request_spans
    GROUP BY request, service
),
totals AS (
    SELECT
        request,
        -- Of spans whose parents form a cycle none is a top.
        coalesce(min(root_start_ns), min(top_start_ns), min(start_ns)) AS begin_ns,
        coalesce(max(root_end_ns), max(top_end_ns), max(end_ns)) AS end_ns,
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
FROM totals;

-- The spans as a person reads them: timestamps and milliseconds. A request that several
-- instrumentations of one process saw is one row, the outermost; the inner ones' children are its.
-- The rule is that of analyzer/twins.py.
CREATE OR REPLACE VIEW spans_ms AS
WITH RECURSIVE server_side AS (
    SELECT
        trace_id,
        span_id,
        parent_span_id,
        kind,
        service,
        start_ns,
        start_ns + duration_ns AS end_ns,
        http_method,
        http_route,
        split_part(coalesce(
            nullif(TRY_CAST(attributes['url.path'] AS VARCHAR), ''),
            nullif(TRY_CAST(attributes['http.target'] AS VARCHAR), '')
        ), '?', 1) AS path,
        coalesce(
            TRY_CAST(attributes['network.peer.port'] AS BIGINT),
            TRY_CAST(attributes['client.port'] AS BIGINT),
            TRY_CAST(attributes['net.peer.port'] AS BIGINT)
        ) AS port,
        nullif(TRY_CAST(resource['service.instance.id'] AS VARCHAR), '') AS instance,
        host,
        nullif(TRY_CAST(resource['process.pid'] AS VARCHAR), '') AS pid
    FROM spans
    WHERE kind = 'server' OR kind = 'internal' AND http_method IS NOT NULL
),
known AS (
    SELECT *, row(service, instance, host, pid) AS process
    FROM server_side
    WHERE (instance IS NOT NULL OR host IS NOT NULL AND pid IS NOT NULL)
      AND (kind = 'server' OR coalesce(http_route, path) IS NOT NULL)
),
-- UNION, because spans that name each other as their parents would never end otherwise.
pairs AS (
    SELECT own, own.trace_id AS trace_id, own.span_id AS span_id
    FROM known AS own
    SEMI JOIN known AS child
      ON child.trace_id = own.trace_id AND child.parent_span_id = own.span_id
    WHERE own.kind = 'server'
    UNION
    SELECT pairs.own, twin.trace_id, twin.span_id
    FROM pairs
    JOIN known AS twin
      ON twin.trace_id = pairs.trace_id AND twin.parent_span_id = pairs.span_id
     AND twin.process IS NOT DISTINCT FROM pairs.own.process
     AND coalesce(twin.http_method = pairs.own.http_method, true)
     AND coalesce(twin.path = pairs.own.path, true)
     AND coalesce(twin.port = pairs.own.port, true)
     AND CASE
         WHEN twin.http_method = pairs.own.http_method AND twin.path = pairs.own.path
         THEN least(twin.end_ns, pairs.own.end_ns) >= greatest(twin.start_ns, pairs.own.start_ns)
         ELSE 2 * (
             least(twin.end_ns, pairs.own.end_ns) - greatest(twin.start_ns, pairs.own.start_ns)
         ) >= pairs.own.end_ns - pairs.own.start_ns
     END
),
inner_ones AS (
    SELECT DISTINCT trace_id, span_id, own.span_id AS outer_id
    FROM pairs
    WHERE span_id <> own.span_id
),
folded AS (
    SELECT * FROM inner_ones
    ANTI JOIN inner_ones AS further
      ON further.trace_id = inner_ones.trace_id AND further.span_id = inner_ones.outer_id
),
-- What the inner ones know and the outermost does not: ours is inside where FastAPI's is outside.
told AS (
    SELECT
        folded.trace_id,
        folded.outer_id AS span_id,
        any_value(request_id) AS request_id,
        any_value(TRY_CAST(attributes['tracekit.queue'] AS BIGINT)) / 1e6 AS queue_ms,
        any_value(TRY_CAST(attributes['tracekit.first_byte'] AS BIGINT)) / 1e6 AS first_byte_ms,
        any_value(TRY_CAST(attributes['tracekit.loop_lag'] AS BIGINT)) / 1e6 AS loop_lag_ms,
        any_value(TRY_CAST(attributes['tracekit.ended'] AS VARCHAR)) AS ended
    FROM folded
    JOIN spans ON spans.trace_id = folded.trace_id AND spans.span_id = folded.span_id
    WHERE spans.kind IN ('server', 'internal')
    GROUP BY ALL
)
SELECT
    make_timestamp(start_ns // 1000) AS start,
    coalesce(spans.request_id, told.request_id) AS request_id,
    service,
    name,
    kind,
    duration_ns / 1e6 AS ms,
    status,
    http_method,
    http_route,
    http_status,
    coalesce(TRY_CAST(attributes['tracekit.queue'] AS BIGINT) / 1e6, told.queue_ms) AS queue_ms,
    coalesce(TRY_CAST(attributes['tracekit.first_byte'] AS BIGINT) / 1e6, told.first_byte_ms) AS first_byte_ms,
    coalesce(TRY_CAST(attributes['tracekit.loop_lag'] AS BIGINT) / 1e6, told.loop_lag_ms) AS loop_lag_ms,
    coalesce(TRY_CAST(attributes['tracekit.ended'] AS VARCHAR), told.ended) AS ended,
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
    coalesce(above.outer_id, spans.parent_span_id) AS parent_span_id,
    attributes,
    resource,
    events,
    links
FROM spans
LEFT JOIN told ON told.trace_id = spans.trace_id AND told.span_id = spans.span_id
LEFT JOIN folded AS above
    ON above.trace_id = spans.trace_id AND above.span_id = spans.parent_span_id
ANTI JOIN folded AS self
    ON self.trace_id = spans.trace_id AND self.span_id = spans.span_id
   AND spans.kind IN ('server', 'internal');
