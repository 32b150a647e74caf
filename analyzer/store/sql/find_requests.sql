-- Requests with an ID, their own or of a part of them, or with a trace's ID that fits the text; only
-- those that fit it best, newest first.
-- how: 0 the whole ID, 1 the whole trace ID, 2 the beginning of either, 3 that of the short form
-- (the last $short characters of an ID of more than $whole), 4 the end of either.
-- trace: the one trace whose ID it is that fits all of them.
WITH named AS (
    SELECT
        request,
        trace_id,
        lower($text) AS wanted,
        lower(request) AS own,
        lower(coalesce(request_id, request)) AS inner_one,
        bool_or($text IN (request, request_id)) AS is_whole,
        min(start_ns) AS start_ns
    FROM request_spans
    GROUP BY ALL
),
fitting AS (
    SELECT
        request,
        trace_id,
        start_ns,
        CASE
            WHEN is_whole THEN 0
            WHEN trace_id = wanted THEN 1
            WHEN starts_with(own, wanted) OR starts_with(inner_one, wanted)
                OR starts_with(trace_id, wanted) THEN 2
            WHEN length(own) > $whole AND starts_with(right(own, $short), wanted)
                OR length(inner_one) > $whole AND starts_with(right(inner_one, $short), wanted)
                THEN 3
            WHEN ends_with(own, wanted) OR ends_with(inner_one, wanted)
                OR ends_with(trace_id, wanted) THEN 4
        END AS how,
        starts_with(own, wanted) OR starts_with(inner_one, wanted)
            OR ends_with(own, wanted) OR ends_with(inner_one, wanted) AS by_id
    FROM named
)
SELECT
    request,
    min(how) AS how,
    count(*) OVER () AS fits,
    CASE
        WHEN NOT bool_or(bool_or(by_id)) OVER ()
         AND min(min(trace_id)) OVER () = max(max(trace_id)) OVER () THEN min(trace_id)
    END AS trace
FROM fitting
WHERE how = (SELECT min(how) FROM fitting)
GROUP BY request
ORDER BY request = $text DESC, min(start_ns) DESC, request
LIMIT $most;
