SELECT
    count(*) AS calls,
    count(*) FILTER (WHERE connection_state = 'new') AS new,
    count(*) FILTER (WHERE connection_state IN ('reused', 'joined')) AS reused
FROM spans
WHERE kind = 'client' AND service = $client AND peer = $target;
