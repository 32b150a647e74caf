-- One without a root too: it took at least as long as what is seen of it.
SELECT request
FROM requests
ORDER BY duration_ns DESC, start_ns DESC
LIMIT 1;
