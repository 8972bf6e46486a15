-- question: When did this error occur?
-- needs: log lines of level ERROR or FATAL, or uncaught exceptions; which_errors_occur and the errors widget name them
-- param: fingerprint= the fingerprint of the error; empty for all
-- param: tenant= only this customer; empty for all
-- param: top=50 at most so many lines, the latest
WITH lines AS (
    SELECT
        time, service, tenant, error_type, substr(message, 1, 500) AS message, request_id, trace_id, fingerprint,
        row_number() OVER (ORDER BY time DESC, event_id, row_no) AS place
    FROM logs
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND fingerprint IS NOT NULL
        AND (:fingerprint = '' OR fingerprint = :fingerprint)
        AND (:tenant = '' OR tenant = :tenant)
)
SELECT
    time, service, lines.tenant, tenants.name AS customer_name, error_type, message, request_id, trace_id, fingerprint
FROM lines LEFT JOIN tenants ON tenants.tenant = lines.tenant
WHERE place <= :top
ORDER BY place
