-- Of the requests whose root span has come; of those still going on only where there is no other.
WITH keyed AS (
    SELECT DISTINCT trace_id, request_id FROM spans WHERE request_id IS NOT NULL
),
rooted AS (
    SELECT DISTINCT coalesce(keyed.request_id, spans.trace_id) AS request
    FROM spans
    LEFT JOIN keyed ON keyed.trace_id = spans.trace_id
    WHERE parent_span_id IS NULL
)
SELECT request
FROM requests
LEFT JOIN rooted USING (request)
ORDER BY rooted.request IS NULL, duration_ns DESC, start_ns DESC
LIMIT 1;
