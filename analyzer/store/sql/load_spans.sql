-- Everything nested comes as JSON text: DuckDB's way from VARIANT to Python changes an object whose
-- only key is empty, the way to JSON changes nothing.
SELECT
    request_id, trace_id, span_id, parent_span_id, service, name, kind, start_ns, duration_ns,
    status, status_message, scope, attributes::JSON AS attributes, resource::JSON AS resource,
    events::JSON AS events, links::JSON AS links
FROM spans
WHERE trace_id = $request
   OR request_id = $request
   OR trace_id IN (SELECT trace_id FROM spans WHERE request_id = $request)
ORDER BY seq;
