-- view: One failure: a log line of level ERROR or FATAL, a failed invocation, or a request answered with 5xx.
-- column: hour string Hour of time, UTC: yyyy-MM-dd-HH; name it in every query.
-- column: time timestamp When it failed.
-- column: kind string log, invocation or request.
-- column: service string The service; for a log line without one its log group, for an invocation its function.
-- column: error string Exception class, level, status of the invocation, or HTTP status.
-- column: fingerprint string What groups failures of the same cause: of a log line its fingerprint, else status or route.
-- column: example string The message, or what is known instead.
-- column: event_id string Names the event; while its hour is not settled it can be there twice.
-- column: tenant string The customer; Lambda's own records name none.
-- column: request_id string AWS request id.
-- column: trace_id string W3C trace id.
-- column: user_id string Keyed hash of the user; Lambda's own records name none.
SELECT
    hour, time, 'log' AS kind, coalesce(service, log_group) AS service, coalesce(error_type, level) AS error,
    fingerprint, message AS example, event_id, tenant, request_id, trace_id, user_id
FROM logs
WHERE level IN ('ERROR', 'FATAL')
UNION ALL
SELECT
    hour, time, 'invocation' AS kind, function_name AS service, coalesce(error_type, status) AS error,
    status AS fingerprint,
    status || coalesce(' after ' || CAST(CAST(round(duration_ms) AS bigint) AS varchar) || ' ms', '') AS example,
    event_id, CAST(NULL AS varchar) AS tenant, request_id, trace_id, CAST(NULL AS varchar) AS user_id
FROM invocations
WHERE status IN ('error', 'timeout', 'out_of_memory')
UNION ALL
SELECT
    hour, time, 'request' AS kind, service, 'HTTP ' || CAST(status AS varchar) AS error,
    route AS fingerprint, coalesce(route || ': ' || error_message, route) AS example,
    event_id, tenant, request_id, trace_id, user_id
FROM requests
WHERE status >= 500
