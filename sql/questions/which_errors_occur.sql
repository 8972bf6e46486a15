-- question: Which errors occur?
-- needs: nothing to change for Lambda's errors, timeouts and error lines; access logs for failed requests
-- param: tenant= only this customer; empty for all (Lambda's own records name no customer)
-- param: top=50 at most so many kinds of error
WITH grouped AS (
    SELECT
        kind, service, error,
        substr(max_by(example, ROW(time, event_id)), 1, 200) AS example,
        count(DISTINCT event_id) AS occurrences,
        count(DISTINCT tenant) AS customers,
        count(DISTINCT user_id) AS users,
        min(time) AS first_seen,
        max(time) AS last_seen,
        max_by(request_id, ROW(time, event_id)) AS last_request_id,
        max_by(trace_id, ROW(time, event_id)) AS last_trace_id
    FROM errors
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:tenant = '' OR tenant = :tenant)
    GROUP BY kind, service, error, fingerprint
),
ranked AS (
    SELECT
        kind, service, error, example, occurrences, customers, users, first_seen, last_seen,
        last_request_id, last_trace_id,
        row_number() OVER (ORDER BY occurrences DESC, last_seen DESC, kind, service, error, example) AS place
    FROM grouped
)
SELECT
    kind, service, error, example, occurrences, customers, users, first_seen, last_seen, last_request_id, last_trace_id
FROM ranked
WHERE place <= :top
ORDER BY place
