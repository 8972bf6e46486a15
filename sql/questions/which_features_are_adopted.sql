-- question: Which features are adopted?
-- needs: usage events, or access logs whose routes the rules map to features; a request that failed is no use
-- since: 28d
-- param: top=50 at most so many features
WITH uses AS (
    SELECT feature, nullif(tenant, '') AS tenant, user_id, time
    FROM usage_events
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
    UNION ALL
    SELECT feature, nullif(tenant, '') AS tenant, user_id, time
    FROM requests
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND coalesce(status, 0) < 400
),
days AS (
    SELECT
        feature, tenant, date_trunc('day', time) AS use_day,
        row_number() OVER (PARTITION BY feature, tenant ORDER BY date_trunc('day', time)) AS day_no
    FROM uses
    WHERE feature IS NOT NULL AND tenant IS NOT NULL
    GROUP BY feature, tenant, date_trunc('day', time)
),
customers AS (
    SELECT
        feature, tenant, min(use_day) AS first_day, min(CASE WHEN day_no = 2 THEN use_day END) AS second_day,
        count(*) AS days
    FROM days
    GROUP BY feature, tenant
),
-- those whose week after the first day of use is over
followed AS (
    SELECT
        feature,
        count(*) AS followed,
        count_if(second_day <= first_day + INTERVAL '7' DAY) AS used_again
    FROM customers
    WHERE first_day + INTERVAL '8' DAY <= CAST(:to_time AS timestamp)
    GROUP BY feature
),
adopters AS (
    SELECT
        feature,
        count(*) AS customers,
        count_if(days = 1) AS on_one_day_only,
        approx_percentile(date_diff('day', first_day, second_day), 0.5e0) AS days_to_second_use
    FROM customers
    GROUP BY feature
),
totals AS (
    SELECT
        feature, count(*) AS uses, count_if(tenant IS NULL) AS uses_without_customer,
        count(DISTINCT user_id) AS users, max(time) AS last_used
    FROM uses
    WHERE feature IS NOT NULL
    GROUP BY feature
),
ranked AS (
    SELECT
        totals.feature, coalesce(customers, 0) AS customers, active, users, coalesce(on_one_day_only, 0) AS on_one_day_only,
        coalesce(followed, 0) AS followed, coalesce(used_again, 0) AS used_again, days_to_second_use,
        uses, uses_without_customer, last_used,
        row_number() OVER (ORDER BY coalesce(customers, 0) DESC, uses DESC, totals.feature) AS place
    FROM totals
        CROSS JOIN (SELECT count(DISTINCT tenant) AS active FROM uses) AS everybody
        LEFT JOIN adopters ON adopters.feature = totals.feature
        LEFT JOIN followed ON followed.feature = totals.feature
)
SELECT
    feature,
    customers,
    round(1e2 * customers / nullif(active, 0), 1) AS of_active_pct,
    users,
    on_one_day_only,
    followed AS followed_for_a_week,
    used_again,
    round(1e2 * used_again / nullif(followed, 0), 1) AS used_again_pct,
    days_to_second_use AS p50_days_to_second_use,
    uses,
    uses_without_customer,
    last_used
FROM ranked
WHERE place <= :top
ORDER BY place
