-- question: Who makes requests fail or slow?
-- needs: tracing (spans); without spans of a function its invocations in traces tell a little
-- param: service= only requests that this service took; empty for all
-- param: tenant= only this customer; empty for all
-- param: top=50 at most so many rows
WITH summed AS (
    SELECT
        cause, status, service, name,
        count(*) AS requests,
        count(DISTINCT tenant) AS customers,
        approx_percentile(answered_ms, 0.9e0) AS p90_answered_ms,
        max_by(cause_reason, time) AS latest_reason,
        max_by(trace_id, time) AS latest_trace,
        max(time) AS latest
    FROM transactions
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND cause IS NOT NULL
        AND (:service = '' OR service = :service)
        AND (:tenant = '' OR tenant = :tenant)
    GROUP BY cause, status, service, name
),
ranked AS (
    SELECT
        *,
        row_number() OVER (
            ORDER BY CASE WHEN status = 'failed' THEN 0 ELSE 1 END, requests DESC, cause, service, name
        ) AS place
    FROM summed
)
SELECT
    cause, status, requests, customers, service, name, round(p90_answered_ms, 1) AS p90_answered_ms, latest_reason,
    latest_trace, latest
FROM ranked
WHERE place <= :top
ORDER BY place
