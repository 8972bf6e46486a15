-- question: What happened to this request?
-- needs: tracing (spans) for what went on between services; without it, invocations, requests and log lines of the trace
-- param: id= a trace id in W3C or X-Ray form, or a request id
-- param: top=5000 at most so many rows, the earliest
WITH facts AS (
    SELECT
        'span' AS fact, time, start_time AS began, duration_ms, service,
        coalesce(http_method || ' ' || http_route, name) AS name, kind, status, error_message AS message, error_type,
        tenant, trace_id, span_id, parent_span_id, json_format(CAST(links AS json)) AS links, request_id,
        remote_service, remote_operation, CAST(NULL AS double) AS cost_usd, CAST(NULL AS double) AS init_duration_ms,
        event_id, row_no
    FROM spans
    WHERE hour BETWEEN :from_hour AND :to_hour
    UNION ALL
    SELECT
        'invocation', time, start_time, duration_ms, function_name, function_name, NULL, status, NULL, error_type,
        NULL, trace_id, NULL, NULL, NULL, request_id, NULL, NULL, cost_usd, init_duration_ms, event_id, row_no
    FROM invocations
    WHERE hour BETWEEN :from_hour AND :to_hour
    UNION ALL
    SELECT
        'request', time, time, latency_ms, service, coalesce(method || ' ', '') || coalesce(route, path), source,
        CAST(status AS varchar), error_message, NULL,
        tenant, trace_id, NULL, NULL, NULL, request_id, NULL, NULL, NULL, NULL, event_id, row_no
    FROM requests
    WHERE hour BETWEEN :from_hour AND :to_hour
    UNION ALL
    SELECT
        'log', time, time, NULL, service, NULL, level, NULL, substr(message, 1, 1000), error_type,
        tenant, trace_id, span_id, NULL, NULL, request_id, NULL, NULL, NULL, NULL, event_id, row_no
    FROM logs
    WHERE hour BETWEEN :from_hour AND :to_hour
),
named AS (
    SELECT trace_id
    FROM facts
    WHERE :id <> '' AND (
            trace_id = lower(replace(regexp_replace(:id, '^1-', ''), '-', ''))
            OR (request_id = :id AND coalesce(kind, '') NOT IN ('client', 'producer'))
        )
),
-- over a queue the work goes on in a trace of its own, whose span links to the message's
traces AS (
    SELECT trace_id FROM named WHERE trace_id <> ''
    UNION
    SELECT facts.trace_id
    FROM facts INNER JOIN named ON strpos(facts.links, named.trace_id) > 0
    WHERE links <> '[]' AND named.trace_id <> ''
),
-- what a client or producer span names is a request to AWS
requests_of_them AS (
    SELECT request_id
    FROM facts
    WHERE request_id <> '' AND coalesce(kind, '') NOT IN ('client', 'producer')
        AND (trace_id IN (SELECT trace_id FROM traces) OR request_id = :id)
),
placed AS (
    SELECT *, row_number() OVER (ORDER BY coalesce(began, time), fact, event_id, row_no) AS place
    FROM facts
    WHERE trace_id IN (SELECT trace_id FROM traces)
        OR (fact <> 'span' AND request_id IN (SELECT request_id FROM requests_of_them))
)
SELECT
    fact, time, began, duration_ms, service, placed.name, kind, status, message, error_type, placed.tenant,
    tenants.name AS customer_name, trace_id, span_id, parent_span_id, links, request_id, remote_service,
    remote_operation, cost_usd, init_duration_ms
FROM placed LEFT JOIN tenants ON tenants.tenant = placed.tenant
WHERE place <= :top
ORDER BY place
