-- The newest requests' IDs, from which an unknown one's nearest are picked.
SELECT request FROM requests ORDER BY start_ns DESC LIMIT $most;
