-- question: Who produces which traffic?
-- needs: access logs of API Gateway as JSON with the customer in a field, or webhook events
-- param: service= only this service; empty for all
-- param: route= only this route; empty for all
-- param: top=50 at most so many customers
WITH selected AS (
    SELECT
        coalesce(nullif(tenant, ''), '(unknown)') AS customer,
        route, requests, errors, client_errors, request_bytes, response_bytes, latency_histogram
    FROM traffic
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:service = '' OR service = :service)
        AND (:route = '' OR route = :route)
),
-- the histogram's bucket b holds latencies around 0.99 * (1.01 / 0.99) ^ b milliseconds
buckets AS (
    SELECT customer, bucket, sum(latency_histogram[bucket]) AS held
    FROM selected CROSS JOIN UNNEST(map_keys(latency_histogram)) AS entries (bucket)
    GROUP BY customer, bucket
),
cumulated AS (
    SELECT
        customer, bucket,
        sum(held) OVER (PARTITION BY customer ORDER BY bucket) AS up_to,
        sum(held) OVER (PARTITION BY customer) AS total
    FROM buckets
),
latency AS (
    SELECT
        customer,
        min(CASE WHEN up_to >= 0.5e0 * total THEN bucket END) AS p50_bucket,
        min(CASE WHEN up_to >= 0.9e0 * total THEN bucket END) AS p90_bucket,
        min(CASE WHEN up_to >= 0.99e0 * total THEN bucket END) AS p99_bucket
    FROM cumulated
    GROUP BY customer
),
routes AS (
    SELECT
        customer, route,
        sum(requests) AS requests, sum(errors) AS errors, sum(client_errors) AS client_errors,
        sum(request_bytes) AS request_bytes, sum(response_bytes) AS response_bytes
    FROM selected
    GROUP BY customer, route
),
customers AS (
    SELECT
        customer,
        sum(requests) AS requests, sum(errors) AS errors, sum(client_errors) AS client_errors,
        sum(request_bytes) AS request_bytes, sum(response_bytes) AS response_bytes,
        count(*) AS routes, min_by(route, ROW(-requests, route)) AS busiest_route,
        sum(sum(requests)) OVER () AS all_requests,
        row_number() OVER (ORDER BY sum(requests) DESC, customer) AS place
    FROM routes
    GROUP BY customer
)
SELECT
    customers.customer,
    tenants.name AS customer_name,
    tenants.plan,
    requests,
    round(1e2 * requests / all_requests, 1) AS share_pct,
    errors,
    round(1e2 * errors / requests, 2) AS error_pct,
    client_errors,
    round(0.99e0 * power(1.01e0 / 0.99e0, p50_bucket), 1) AS p50_ms,
    round(0.99e0 * power(1.01e0 / 0.99e0, p90_bucket), 1) AS p90_ms,
    round(0.99e0 * power(1.01e0 / 0.99e0, p99_bucket), 1) AS p99_ms,
    round(request_bytes / 1e6, 2) AS mb_in,
    round(response_bytes / 1e6, 2) AS mb_out,
    routes,
    busiest_route
FROM customers
    LEFT JOIN latency ON latency.customer = customers.customer
    LEFT JOIN tenants ON tenants.tenant = customers.customer
WHERE place <= :top AND requests > 0
ORDER BY place
