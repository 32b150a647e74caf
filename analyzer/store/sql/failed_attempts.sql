-- Per address: how many calls tried it in vain. The arrays run beside each other (tracekit.attributes).
SELECT address, count(DISTINCT seq) AS calls
FROM (
    SELECT
        seq,
        unnest(TRY_CAST(attributes['tracekit.connect.addresses'] AS VARCHAR[])) AS address,
        unnest(TRY_CAST(attributes['tracekit.connect.outcomes'] AS VARCHAR[])) AS outcome
    FROM spans
    WHERE kind = 'client' AND service = $client AND peer = $target
)
WHERE outcome <> 'ok'
GROUP BY address;
