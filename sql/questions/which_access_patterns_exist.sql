-- question: Which access patterns exist?
-- needs: access logs of API Gateway as JSON, or webhook events
-- param: tenant= only this customer; empty for all
-- param: top=50 at most so many routes
WITH selected AS (
    SELECT
        coalesce(service, '(unknown)') AS service, coalesce(route, '(unknown)') AS route,
        time, tenant, requests, errors, client_errors, request_bytes, response_bytes, latency_histogram
    FROM traffic
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:tenant = '' OR tenant = :tenant)
),
-- the histogram's bucket b holds latencies around 0.99 * (1.01 / 0.99) ^ b milliseconds
buckets AS (
    SELECT service, route, bucket, sum(latency_histogram[bucket]) AS held
    FROM selected CROSS JOIN UNNEST(map_keys(latency_histogram)) AS entries (bucket)
    GROUP BY service, route, bucket
),
cumulated AS (
    SELECT
        service, route, bucket,
        sum(held) OVER (PARTITION BY service, route ORDER BY bucket) AS up_to,
        sum(held) OVER (PARTITION BY service, route) AS total
    FROM buckets
),
latency AS (
    SELECT service, route, min(CASE WHEN up_to >= 0.9e0 * total THEN bucket END) AS p90_bucket
    FROM cumulated
    GROUP BY service, route
),
minutes AS (
    SELECT
        service, route, date_trunc('minute', time) AS minute,
        sum(requests) AS requests, sum(errors) AS errors, sum(client_errors) AS client_errors,
        sum(request_bytes) AS request_bytes, sum(response_bytes) AS response_bytes
    FROM selected
    GROUP BY service, route, date_trunc('minute', time)
),
customers AS (
    SELECT service, route, count(DISTINCT tenant) AS customers
    FROM selected
    GROUP BY service, route
),
routes AS (
    SELECT
        service, route,
        sum(requests) AS requests, sum(errors) AS errors, sum(client_errors) AS client_errors,
        sum(request_bytes) AS request_bytes, sum(response_bytes) AS response_bytes,
        count(*) AS active_minutes, max(requests) AS peak_per_minute,
        min_by(minute, ROW(-requests, minute)) AS peak_minute,
        sum(sum(requests)) OVER () AS all_requests,
        row_number() OVER (ORDER BY sum(requests) DESC, service, route) AS place
    FROM minutes
    GROUP BY service, route
)
SELECT
    routes.service,
    routes.route,
    CASE
        WHEN routes.route LIKE 'GET %' OR routes.route LIKE 'HEAD %' THEN 'read'
        WHEN routes.route LIKE 'DELETE %' THEN 'delete'
        WHEN routes.route LIKE 'POST %' OR routes.route LIKE 'PUT %' OR routes.route LIKE 'PATCH %' THEN 'write'
        ELSE 'other'
    END AS access,
    requests,
    round(1e2 * requests / all_requests, 1) AS share_pct,
    customers,
    round(1e2 * errors / requests, 2) AS error_pct,
    round(1e2 * client_errors / requests, 2) AS client_error_pct,
    round(0.99e0 * power(1.01e0 / 0.99e0, p90_bucket), 1) AS p90_ms,
    round(request_bytes / 1e3 / requests, 2) AS kb_in_each,
    round(response_bytes / 1e3 / requests, 2) AS kb_out_each,
    round(1e0 * requests / active_minutes, 1) AS per_active_minute,
    peak_per_minute,
    peak_minute
FROM routes
    INNER JOIN customers ON customers.service = routes.service AND customers.route = routes.route
    LEFT JOIN latency ON latency.service = routes.service AND latency.route = routes.route
WHERE place <= :top AND requests > 0
ORDER BY place
