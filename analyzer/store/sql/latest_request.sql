-- A request without a root goes on still, or its caller is traced elsewhere: one with a root is
-- taken before it if it is no more than a minute older.
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
ORDER BY
    start_ns - CASE WHEN rooted.request IS NULL THEN 60_000_000_000 ELSE 0 END DESC, start_ns DESC
LIMIT 1;
