-- Requests whose ID, or one of whose traces' IDs, fits the text; only those that fit it best.
-- how: 0 the whole ID, 1 the whole trace ID, 2 the beginning of either, 3 that of the short form
-- (the last $short characters of an ID of more than $whole), 4 the end of either.
-- Newest first, by the first span that carries the ID itself; but of a trace with several request
-- IDs the outermost first: the one that has the root, whatever the others' clocks say.
WITH fitting AS (
    SELECT
        request,
        CASE
            WHEN request = $text THEN 0
            WHEN trace_id = lower($text) THEN 1
            WHEN starts_with(lower(request), lower($text)) OR starts_with(trace_id, lower($text))
                THEN 2
            WHEN length(request) > $whole AND starts_with(lower(right(request, $short)), lower($text))
                THEN 3
            WHEN ends_with(lower(request), lower($text)) OR ends_with(trace_id, lower($text))
                THEN 4
        END AS how,
        CASE WHEN request_id IS NULL OR request_id = request THEN start_ns END AS own_start_ns,
        parent_span_id IS NULL AS is_root,
        request_id = request AND is_root AS is_own_root
    FROM request_spans
)
SELECT request, min(how) AS how, bool_or(is_root) AS is_rooted, count(*) OVER () AS fits
FROM fitting
WHERE how = (SELECT min(how) FROM fitting)
GROUP BY request
ORDER BY
    CASE WHEN min(how) = 1 THEN row(NOT bool_or(is_own_root), min(own_start_ns)) END,
    min(own_start_ns) DESC,
    request
LIMIT $most;
