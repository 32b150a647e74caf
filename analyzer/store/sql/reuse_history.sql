-- One row for every process of the client: connections are kept by a process, not by a service.
-- A connection that no address answered was never there to be kept. needless: the new ones that
-- began when an earlier call of the process was answered and its body read, so that it had left a
-- connection; of a kept client within 2 s, after which a server may have closed it
-- (analyzer/findings/idle.py). first_calls: the new ones that were the first of their client.
WITH known AS (
    SELECT
        trace_id,
        span_id,
        start_ns,
        start_ns + duration_ns AS end_ns,
        http_status IS NOT NULL OR status = 'ok' AS answered,
        nullif(TRY_CAST(resource['service.instance.id'] AS VARCHAR), '') AS instance,
        host,
        TRY_CAST(resource['process.pid'] AS VARCHAR) AS pid,
        coalesce(TRY_CAST(attributes['tracekit.client.requests'] AS BIGINT), -1) AS client_requests,
        connection_state IN ('reused', 'joined') AS reused,
        connection_state = 'new' AND (
            http_status IS NOT NULL
            OR coalesce(
                list_contains(
                    TRY_CAST(attributes['tracekit.connect.outcomes'] AS VARCHAR[]), 'ok'
                ),
                true
            )
        ) AS new
    FROM spans
    WHERE kind = 'client' AND service = $client AND peer = $target
),
calls AS (
    SELECT
        * EXCLUDE (instance),
        CASE
            WHEN instance IS NOT NULL OR (host IS NOT NULL AND pid IS NOT NULL)
                THEN concat_ws(' ', instance, host, pid)
        END AS process
    FROM known
),
bodies AS (
    SELECT
        trace_id,
        TRY_CAST(attributes['tracekit.body_of'] AS VARCHAR) AS span_id,
        max(start_ns + duration_ns) AS end_ns
    FROM spans
    WHERE kind = 'internal' AND service = $client
      AND trace_id IN (SELECT trace_id FROM calls)
      AND attributes['tracekit.body_of'] IS NOT NULL
    GROUP BY ALL
),
done AS (
    SELECT DISTINCT coalesce(process, '') AS process, greatest(calls.end_ns, bodies.end_ns) AS end_ns
    FROM calls
    LEFT JOIN bodies ON bodies.trace_id = calls.trace_id AND bodies.span_id = calls.span_id
    WHERE answered
)
SELECT
    calls.process AS instance,
    count(*) AS calls,
    count(*) FILTER (WHERE new) AS new,
    count(*) FILTER (WHERE reused) AS reused,
    count(*) FILTER (
        WHERE new
          AND done.end_ns IS NOT NULL
          AND (client_requests = 0 OR start_ns - done.end_ns < 2_000_000_000)
    ) AS needless,
    count(*) FILTER (WHERE new AND client_requests = 0) AS first_calls
FROM calls
ASOF LEFT JOIN done ON done.process = coalesce(calls.process, '') AND done.end_ns <= calls.start_ns
GROUP BY calls.process
ORDER BY calls DESC, instance;
