INSERT INTO tracekit_schema VALUES ($version, $minimal_duckdb, $written_by);
