-- When a client was last done with a call to the target, of its calls that began before a moment. A
-- process's clients are told apart by when they were made. The latest calls are looked at, with the
-- bodies that were read after their spans had ended.
WITH calls AS (
    SELECT trace_id, span_id, start_ns + duration_ns AS end_ns
    FROM spans
    WHERE kind = 'client' AND service = $client AND peer = $target
      AND start_ns < $before_ns
      AND http_status IS NOT NULL
      AND concat_ws(
            ' ',
            nullif(TRY_CAST(resource['service.instance.id'] AS VARCHAR), ''),
            host,
            TRY_CAST(resource['process.pid'] AS VARCHAR)
          ) = $process
      AND abs(
            start_ns - TRY_CAST(attributes['tracekit.client.age'] AS BIGINT) - $born_ns
          ) < $within_ns
    ORDER BY start_ns DESC
    LIMIT 20
),
bodies AS (
    SELECT start_ns + duration_ns AS end_ns
    FROM spans
    WHERE kind = 'internal'
      AND trace_id IN (SELECT trace_id FROM calls)
      AND TRY_CAST(attributes['tracekit.body_of'] AS VARCHAR) IN (SELECT span_id FROM calls)
)
SELECT max(end_ns) AS end_ns
FROM (SELECT end_ns FROM calls UNION ALL SELECT end_ns FROM bodies);
