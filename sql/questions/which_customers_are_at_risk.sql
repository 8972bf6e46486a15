-- question: Which customers are at risk?
-- needs: access logs with the customer in a field, for at least three weeks. At risk is whose last 7 days had fewer requests than fell_to_pct of its usual week and fewer than any week before; usual is the average of its whole weeks, two at least
-- since: 42d
-- param: fell_to_pct=50 percent of the usual week below which it is told
-- param: min_requests=20 customers with fewer in their usual week are left out
-- param: top=50 at most so many customers, those who pay most first
WITH counted AS (
    SELECT tenant, time, requests, errors
    FROM traffic
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND tenant <> ''
),
-- Athena takes parameters in WHERE alone, so the end of the time range is added up from the bits of its minutes
ending AS (
    SELECT sum(CAST(power(2, n) AS bigint)) AS ends
    FROM UNNEST(sequence(0, 30)) AS bits (n)
    WHERE mod(
        date_diff('minute', TIMESTAMP '1970-01-01 00:00:00', CAST(:to_time AS timestamp)) / CAST(power(2, n) AS bigint), 2
    ) = 1
),
weekly AS (
    SELECT
        tenant,
        (ends - date_diff('minute', TIMESTAMP '1970-01-01 00:00:00', time)) / 10080 AS weeks_ago,
        sum(requests) AS requests, sum(errors) AS errors, max(time) AS last_request
    FROM counted CROSS JOIN ending
    GROUP BY tenant, (ends - date_diff('minute', TIMESTAMP '1970-01-01 00:00:00', time)) / 10080
),
known AS (
    SELECT
        tenant,
        max(weeks_ago) AS first_week,
        max(last_request) AS last_request,
        sum(CASE WHEN weeks_ago = 0 THEN requests ELSE 0 END) AS requests,
        sum(CASE WHEN weeks_ago = 0 THEN errors ELSE 0 END) AS errors,
        sum(CASE WHEN weeks_ago > 0 THEN requests ELSE 0 END) AS requests_before,
        sum(CASE WHEN weeks_ago > 0 THEN errors ELSE 0 END) AS errors_before
    FROM weekly
    GROUP BY tenant
),
-- the week in which it was first seen is not whole, and one without a request is a week of none
usual AS (
    SELECT
        known.tenant,
        avg(1e0 * coalesce(weekly.requests, 0)) AS usual_week,
        min(coalesce(weekly.requests, 0)) AS lowest_week,
        count(*) AS weeks
    FROM known CROSS JOIN UNNEST(sequence(1, 52)) AS numbers (n)
        LEFT JOIN weekly ON weekly.tenant = known.tenant AND weekly.weeks_ago = n
    WHERE n < first_week
    GROUP BY known.tenant
),
compared AS (
    SELECT
        known.tenant, known.requests, errors, requests_before, errors_before, last_request, usual_week, lowest_week, weeks,
        coalesce(monthly_price_usd, 0e0) AS price, name, plan, monthly_price_usd
    FROM known
        INNER JOIN usual ON usual.tenant = known.tenant
        LEFT JOIN tenants ON tenants.tenant = known.tenant
    WHERE weeks >= 2 AND usual_week >= :min_requests
),
falling AS (
    SELECT *, row_number() OVER (ORDER BY price DESC, usual_week - requests DESC, tenant) AS place
    FROM compared
    WHERE requests < lowest_week AND 1e2 * requests < usual_week * :fell_to_pct
),
lines AS (
    SELECT
        place, tenant AS customer, name, plan, monthly_price_usd, requests, usual_week, lowest_week, weeks,
        requests_before, errors, errors_before, last_request
    FROM falling
    WHERE place <= :top
    UNION ALL
    SELECT
        0 AS place, '(everybody)' AS customer, CAST(NULL AS varchar) AS name, CAST(NULL AS varchar) AS plan,
        CAST(NULL AS double) AS monthly_price_usd, sum(known.requests) AS requests, sum(usual_week) AS usual_week,
        CAST(NULL AS bigint) AS lowest_week, max(weeks) AS weeks, sum(requests_before) AS requests_before,
        sum(errors) AS errors, sum(errors_before) AS errors_before, max(last_request) AS last_request
    FROM known LEFT JOIN usual ON usual.tenant = known.tenant
    HAVING count(*) > 0
)
SELECT
    customer,
    name AS customer_name,
    plan,
    monthly_price_usd,
    CASE
        WHEN place = 0 THEN 'for comparison'
        WHEN requests = 0 THEN 'nothing in 7 days'
        ELSE 'fell below its lowest week'
    END AS why,
    requests AS requests_7d,
    round(usual_week, 1) AS usual_week,
    lowest_week,
    round(1e2 * (requests - usual_week) / nullif(usual_week, 0e0), 1) AS change_pct,
    weeks AS weeks_compared,
    round(1e2 * errors / nullif(requests, 0), 2) AS error_pct_7d,
    round(1e2 * errors_before / nullif(requests_before, 0), 2) AS error_pct_before,
    last_request
FROM lines
ORDER BY place
