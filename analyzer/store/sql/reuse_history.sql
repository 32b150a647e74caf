-- One row for every process of the client: connections are kept by a process, not by a service.
SELECT
    coalesce(
        nullif(TRY_CAST(resource['service.instance.id'] AS VARCHAR), ''),
        host || ':' || TRY_CAST(resource['process.pid'] AS VARCHAR)
    ) AS instance,
    count(*) AS calls,
    count(*) FILTER (WHERE connection_state = 'new') AS new,
    count(*) FILTER (WHERE connection_state IN ('reused', 'joined')) AS reused
FROM spans
WHERE kind = 'client' AND service = $client AND peer = $target
GROUP BY instance
ORDER BY calls DESC, instance;
