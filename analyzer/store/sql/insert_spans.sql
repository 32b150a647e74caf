-- JSON inside a MAP becomes VARIANT by the cast that INSERT makes, with its types kept.
INSERT INTO spans BY NAME
SELECT *
FROM read_json(
    $path,
    format = 'newline_delimited',
    maximum_object_size = 1073741824,
    columns = {
        request_id: 'VARCHAR',
        trace_id: 'VARCHAR',
        span_id: 'VARCHAR',
        parent_span_id: 'VARCHAR',
        service: 'VARCHAR',
        service_version: 'VARCHAR',
        label: 'VARCHAR',
        host: 'VARCHAR',
        name: 'VARCHAR',
        kind: 'VARCHAR',
        start_ns: 'BIGINT',
        duration_ns: 'BIGINT',
        status: 'VARCHAR',
        status_message: 'VARCHAR',
        scope: 'VARCHAR',
        display_name: 'VARCHAR',
        http_method: 'VARCHAR',
        http_route: 'VARCHAR',
        http_status: 'INTEGER',
        peer: 'VARCHAR',
        connection_state: 'VARCHAR',
        pool_wait_ns: 'BIGINT',
        dns_ns: 'BIGINT',
        connect_ns: 'BIGINT',
        tls_ns: 'BIGINT',
        send_ns: 'BIGINT',
        wait_ns: 'BIGINT',
        receive_ns: 'BIGINT',
        attributes: 'MAP(VARCHAR, JSON)',
        resource: 'MAP(VARCHAR, JSON)',
        events: 'STRUCT(name VARCHAR, time_ns BIGINT, attributes MAP(VARCHAR, JSON))[]',
        links: 'STRUCT(trace_id VARCHAR, span_id VARCHAR, attributes MAP(VARCHAR, JSON))[]'
    }
);
