-- question: What do customers cost?
-- needs: log lines in JSON that name the customer and the request, as Powertools and Lambda's JSON format do the latter. An invocation whose lines name several customers is shared evenly, one whose lines name none is (unknown).
-- needs: Margins need the list of customers (`tracelake customers put`); price_usd is the monthly price for the time range, 730 hours a month. Requests need access logs
-- param: top=50 at most so many customers, and (unknown)
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
),
served AS (
    SELECT coalesce(nullif(tenant, ''), '(unknown)') AS customer, sum(requests) AS requests
    FROM traffic
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
    GROUP BY coalesce(nullif(tenant, ''), '(unknown)')
),
-- Athena takes parameters in WHERE alone, so the minutes of the time range are added up from the bits of their number
asked AS (
    SELECT sum(minutes) / 6e1 AS hours
    FROM UNNEST(ARRAY[
        1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288,
        1048576, 2097152, 4194304
    ]) AS bits (minutes)
    WHERE mod(date_diff('minute', CAST(:from_time AS timestamp), CAST(:to_time AS timestamp)) / minutes, 2) = 1
),
priced AS (
    SELECT
        totals.customer, name, plan, invocations, failed, functions, cost_usd, billed_ms, all_usd, place, requests,
        monthly_price_usd, monthly_price_usd * hours / 73e1 AS price_usd
    FROM totals
        CROSS JOIN asked
        LEFT JOIN served ON served.customer = totals.customer
        LEFT JOIN tenants ON tenants.tenant = totals.customer
)
SELECT
    customer,
    name AS customer_name,
    plan,
    invocations,
    failed,
    functions,
    round(cost_usd, 6) AS cost_usd,
    round(1e2 * cost_usd / nullif(all_usd, 0e0), 1) AS share_pct,
    round(1e6 * cost_usd / invocations, 2) AS usd_per_million,
    round(billed_ms / 1e3, 1) AS billed_s,
    requests,
    round(1e6 * cost_usd / nullif(requests, 0), 2) AS usd_per_million_requests,
    monthly_price_usd,
    round(price_usd, 6) AS price_usd,
    round(price_usd - cost_usd, 6) AS margin_usd,
    round(1e2 * (price_usd - cost_usd) / nullif(price_usd, 0e0), 1) AS margin_pct
FROM priced
WHERE place <= :top OR customer = '(unknown)'
ORDER BY place
