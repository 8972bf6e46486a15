-- question: What does a request cost, over functions and queues?
-- needs: tracing (a trace id in REPORT lines, better spans); cost is that of invocations and at least one unit of each call
-- param: tenant= only this customer; empty for all
-- param: top=50 at most so many rows
WITH summed AS (
    SELECT
        service, name,
        count(*) AS requests,
        sum(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed,
        sum(cost_usd) AS cost_usd,
        avg(cost_usd) AS mean_usd,
        approx_percentile(cost_usd, 0.9e0) AS p90_usd,
        approx_percentile(answered_ms, 0.9e0) AS p90_answered_ms,
        approx_percentile(duration_ms, 0.9e0) AS p90_ms,
        avg(CAST(invocations AS double)) AS invocations,
        sum(cold_starts) AS cold_starts
    FROM transactions
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:tenant = '' OR tenant = :tenant)
    GROUP BY service, name
),
ranked AS (
    SELECT
        *,
        sum(cost_usd) OVER () AS of_all_usd,
        row_number() OVER (ORDER BY cost_usd DESC, requests DESC, service, name) AS place
    FROM summed
)
SELECT
    service,
    name,
    requests,
    round(1e6 * mean_usd, 2) AS usd_a_million,
    round(1e6 * p90_usd, 2) AS p90_usd_a_million,
    round(cost_usd, 6) AS cost_usd,
    CASE WHEN of_all_usd > 0 THEN round(1e2 * cost_usd / of_all_usd, 2) END AS share_pct,
    round(1e2 * failed / requests, 2) AS failed_pct,
    round(p90_answered_ms, 1) AS p90_answered_ms,
    round(p90_ms, 1) AS p90_ms,
    round(invocations, 2) AS invocations_a_request,
    cold_starts
FROM ranked
WHERE place <= :top
ORDER BY place
