-- One row for every process of the client: connections are kept by a process, not by a service.
-- A connection that no address answered was never there to be kept.
WITH calls AS (
    SELECT
        nullif(TRY_CAST(resource['service.instance.id'] AS VARCHAR), '') AS instance,
        host,
        TRY_CAST(resource['process.pid'] AS VARCHAR) AS pid,
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
)
SELECT
    CASE
        WHEN instance IS NOT NULL OR (host IS NOT NULL AND pid IS NOT NULL)
            THEN concat_ws(' ', instance, host, pid)
    END AS instance,
    count(*) AS calls,
    count(*) FILTER (WHERE new) AS new,
    count(*) FILTER (WHERE reused) AS reused
FROM calls
GROUP BY ALL
ORDER BY calls DESC, instance;
