-- question: Which log lines hold this?
-- needs: nothing to change; JSON lines with a level, a trace id and a field for the customer can be told apart best. What was redacted before writing cannot be searched for
-- param: text= what the line has in it, in capitals or not; empty for all
-- param: trace= only lines of this trace or request: a trace id in W3C or X-Ray form, or a request id
-- param: tenant= only this customer; empty for all
-- param: level= only this level: ERROR, WARN, INFO...; empty for all
-- param: top=100 at most so many lines, the latest
WITH lines AS (
    SELECT
        time, level, service, tenant, substr(coalesce(line, message), 1, 1000) AS line, request_id, trace_id,
        log_group, log_stream,
        row_number() OVER (ORDER BY time DESC, event_id, row_no) AS place
    FROM logs
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:text = '' OR strpos(lower(message), lower(:text)) > 0 OR strpos(lower(line), lower(:text)) > 0)
        AND (:trace = '' OR request_id = :trace OR trace_id = lower(replace(regexp_replace(:trace, '^1-', ''), '-', '')))
        AND (:tenant = '' OR tenant = :tenant)
        AND (:level = '' OR level = upper(:level))
)
SELECT
    time, level, service, lines.tenant, tenants.name AS customer_name, line, request_id, trace_id, log_group, log_stream
FROM lines LEFT JOIN tenants ON tenants.tenant = lines.tenant
WHERE place <= :top
ORDER BY place
