-- question: Which requests were slow or failed?
-- needs: tracing (a trace id in REPORT lines, better spans); the running hour is there when it is over
-- param: tenant= only this customer; empty for all
-- param: service= only requests that this service took; empty for all
-- param: name= only these requests, such as POST /orders; empty for all
-- param: status= failed or ok; empty for both
-- param: top=50 at most so many rows, those first for which the caller waited longest
WITH ranked AS (
    SELECT *, row_number() OVER (ORDER BY answered_ms DESC, trace_id) AS place
    FROM transactions
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:tenant = '' OR tenant = :tenant)
        AND (:service = '' OR service = :service)
        AND (:name = '' OR name = :name)
        AND (:status = '' OR status = :status)
)
SELECT
    time, service, ranked.name, status, ranked.tenant, tenants.name AS customer_name, answered_ms, duration_ms,
    waited_ms, steps, cost_usd, cause, cause_reason, trace_id
FROM ranked LEFT JOIN tenants ON tenants.tenant = ranked.tenant
WHERE place <= :top
ORDER BY place
