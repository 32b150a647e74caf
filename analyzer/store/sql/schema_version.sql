SELECT version, written_by FROM tracekit_schema;
