-- question: Which customers stay?
-- needs: access logs with the customer in a field, or usage events, for as many weeks as are to be seen
-- since: 70d
-- param: feature= only uses of this feature; empty for all
-- param: top=26 at most so many weeks of first use, the latest, and all that are new together
WITH weeks AS (
    SELECT DISTINCT tenant, date_trunc('week', time) AS week_start
    FROM requests
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND tenant <> ''
        AND :feature IN ('', feature)
    UNION
    SELECT DISTINCT tenant, date_trunc('week', time) AS week_start
    FROM usage_events
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND tenant <> ''
        AND :feature IN ('', feature)
),
starts AS (
    SELECT tenant, min(week_start) AS cohort
    FROM weeks
    GROUP BY tenant
),
cohorts AS (
    SELECT
        cohort,
        count(*) AS customers,
        cohort = min(cohort) OVER () AS may_be_older,
        row_number() OVER (ORDER BY cohort DESC) AS place
    FROM starts
    GROUP BY cohort
),
came AS (
    SELECT cohort, date_diff('day', cohort, week_start) / 7 AS week_no, count(*) AS customers
    FROM weeks INNER JOIN starts ON starts.tenant = weeks.tenant
    GROUP BY cohort, date_diff('day', cohort, week_start) / 7
),
-- weeks that are over: what a cohort has not reached stays empty, and is no zero
reached AS (
    SELECT cohorts.cohort, n AS week_no, coalesce(came.customers, 0) AS stayed, cohorts.customers, may_be_older
    FROM cohorts CROSS JOIN UNNEST(ARRAY[1, 2, 3, 4, 5, 6, 7, 8]) AS numbers (n)
        LEFT JOIN came ON came.cohort = cohorts.cohort AND came.week_no = n
    WHERE cohorts.cohort + (n + 1) * INTERVAL '7' DAY <= CAST(:to_time AS timestamp)
),
cells AS (
    SELECT cohort, week_no, 1e2 * stayed / customers AS pct
    FROM reached
    UNION ALL
    SELECT CAST(NULL AS timestamp) AS cohort, week_no, 1e2 * sum(stayed) / sum(customers) AS pct
    FROM reached
    WHERE NOT may_be_older
    GROUP BY week_no
),
lines AS (
    SELECT date_format(cohort, '%Y-%m-%d') AS week_of_first_use, customers, may_be_older, place
    FROM cohorts
    WHERE place <= :top
    UNION ALL
    SELECT '(all new)' AS week_of_first_use, sum(customers) AS customers,
        false AS may_be_older, 0 AS place
    FROM cohorts
    WHERE NOT may_be_older
    HAVING count(*) > 0
)
SELECT
    week_of_first_use,
    lines.customers,
    may_be_older,
    round(max(CASE WHEN week_no = 1 THEN pct END), 1) AS week_1_pct,
    round(max(CASE WHEN week_no = 2 THEN pct END), 1) AS week_2_pct,
    round(max(CASE WHEN week_no = 3 THEN pct END), 1) AS week_3_pct,
    round(max(CASE WHEN week_no = 4 THEN pct END), 1) AS week_4_pct,
    round(max(CASE WHEN week_no = 5 THEN pct END), 1) AS week_5_pct,
    round(max(CASE WHEN week_no = 6 THEN pct END), 1) AS week_6_pct,
    round(max(CASE WHEN week_no = 7 THEN pct END), 1) AS week_7_pct,
    round(max(CASE WHEN week_no = 8 THEN pct END), 1) AS week_8_pct
FROM lines LEFT JOIN cells ON coalesce(date_format(cells.cohort, '%Y-%m-%d'), '(all new)') = week_of_first_use
GROUP BY place, week_of_first_use, lines.customers, may_be_older
ORDER BY place
