-- question: What is slow?
-- needs: nothing to change for functions; access logs for routes; tracing (spans) for calls between services
-- param: min_calls=10 only what was called at least so often
-- param: top=50 at most so many rows
WITH histograms AS (
    SELECT
        'route' AS kind, coalesce(service, '(unknown)') || ' ' || coalesce(route, '') AS name,
        requests AS calls, latency_sum_ms, latency_histogram
    FROM traffic
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
    UNION ALL
    SELECT
        'call' AS kind,
        coalesce(caller, '(unknown)') || ' to ' || coalesce(callee, '(unknown)')
            || ' ' || coalesce(operation, '') AS name,
        calls, latency_sum_ms, latency_histogram
    FROM service_calls
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
),
-- the histogram's bucket b holds latencies around 0.99 * (1.01 / 0.99) ^ b milliseconds
buckets AS (
    SELECT kind, name, bucket, sum(latency_histogram[bucket]) AS held
    FROM histograms CROSS JOIN UNNEST(map_keys(latency_histogram)) AS entries (bucket)
    GROUP BY kind, name, bucket
),
cumulated AS (
    SELECT
        kind, name, bucket,
        sum(held) OVER (PARTITION BY kind, name ORDER BY bucket) AS up_to,
        sum(held) OVER (PARTITION BY kind, name) AS total
    FROM buckets
),
latency AS (
    SELECT
        kind, name,
        min(CASE WHEN up_to >= 0.5e0 * total THEN bucket END) AS p50_bucket,
        min(CASE WHEN up_to >= 0.9e0 * total THEN bucket END) AS p90_bucket,
        min(CASE WHEN up_to >= 0.99e0 * total THEN bucket END) AS p99_bucket
    FROM cumulated
    GROUP BY kind, name
),
totals AS (
    SELECT kind, name, sum(calls) AS calls, sum(latency_sum_ms) AS total_ms
    FROM histograms
    GROUP BY kind, name
),
all_kinds AS (
    SELECT
        totals.kind, totals.name, calls, total_ms,
        0.99e0 * power(1.01e0 / 0.99e0, p50_bucket) AS p50_ms,
        0.99e0 * power(1.01e0 / 0.99e0, p90_bucket) AS p90_ms,
        0.99e0 * power(1.01e0 / 0.99e0, p99_bucket) AS p99_ms
    FROM totals INNER JOIN latency ON latency.kind = totals.kind AND latency.name = totals.name
    UNION ALL
    SELECT
        'function' AS kind, function_name AS name, count(*) AS calls, sum(duration_ms) AS total_ms,
        approx_percentile(duration_ms, 0.5e0) AS p50_ms,
        approx_percentile(duration_ms, 0.9e0) AS p90_ms,
        approx_percentile(duration_ms, 0.99e0) AS p99_ms
    FROM invocations
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND status IS NOT NULL
    GROUP BY function_name
),
ranked AS (
    SELECT kind, name, calls, total_ms, p50_ms, p90_ms, p99_ms, row_number() OVER (ORDER BY p90_ms DESC, name) AS place
    FROM all_kinds
    WHERE calls >= :min_calls
)
SELECT
    kind,
    name,
    calls,
    round(p50_ms, 1) AS p50_ms,
    round(p90_ms, 1) AS p90_ms,
    round(p99_ms, 1) AS p99_ms,
    round(total_ms / 1e3, 1) AS total_s
FROM ranked
WHERE place <= :top
ORDER BY place
