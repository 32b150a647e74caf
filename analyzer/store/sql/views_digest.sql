SELECT comment FROM duckdb_views() WHERE view_name = 'request_spans';
