-- question: What do customers cost?
-- needs: log lines in JSON that name the customer and the request, as Powertools and Lambda's JSON format do the latter. An invocation whose lines name several customers is shared evenly
-- param: top=50 at most so many customers
WITH named AS (
    SELECT request_id, tenant, count(*) OVER (PARTITION BY request_id) AS customers
    FROM (
        SELECT DISTINCT request_id, tenant
        FROM logs
        WHERE hour BETWEEN :from_hour AND :to_hour
            AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
            AND request_id IS NOT NULL
            AND tenant IS NOT NULL
    ) AS pairs
),
spent AS (
    SELECT
        coalesce(tenant, '(unknown)') AS customer, function_name, status,
        cost_usd / coalesce(customers, 1) AS cost_usd,
        billed_duration_ms / coalesce(customers, 1) AS billed_ms
    FROM invocations LEFT JOIN named ON named.request_id = invocations.request_id
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND status IS NOT NULL
),
totals AS (
    SELECT
        customer,
        count(*) AS invocations,
        count_if(status <> 'success') AS failed,
        count(DISTINCT function_name) AS functions,
        sum(cost_usd) AS cost_usd,
        sum(billed_ms) AS billed_ms,
        sum(sum(cost_usd)) OVER () AS all_usd,
        row_number() OVER (ORDER BY sum(cost_usd) DESC, customer) AS place
    FROM spent
    GROUP BY customer
)
SELECT
    customer,
    invocations,
    failed,
    functions,
    round(cost_usd, 6) AS cost_usd,
    round(1e2 * cost_usd / nullif(all_usd, 0e0), 1) AS share_pct,
    round(1e6 * cost_usd / invocations, 2) AS usd_per_million,
    round(billed_ms / 1e3, 1) AS billed_s
FROM totals
WHERE place <= :top
ORDER BY place
