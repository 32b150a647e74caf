SELECT request FROM requests ORDER BY duration_ns DESC, start_ns DESC LIMIT 1;
