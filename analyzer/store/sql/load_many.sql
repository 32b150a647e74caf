-- The spans that load_spans.sql returns for any of several requests, each once.
SELECT
    request_id, trace_id, span_id, parent_span_id, service, name, kind, start_ns, duration_ns,
    status, status_message, scope, attributes::JSON AS attributes, resource::JSON AS resource,
    events::JSON AS events, links::JSON AS links
FROM spans
WHERE trace_id IN (
    SELECT unnest($requests::VARCHAR[])
    UNION
    SELECT trace_id FROM spans WHERE request_id IN (SELECT unnest($requests::VARCHAR[]))
)
ORDER BY seq;
