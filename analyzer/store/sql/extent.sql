SELECT
    (SELECT count(*) FROM requests) AS requests,
    count(*) AS spans,
    min(start_ns) AS first_ns,
    max(start_ns + duration_ns) AS last_ns
FROM spans;
