-- question: How many customers are active, new, back or gone?
-- needs: access logs with the customer in a field, or usage events. Of the first day or week of the time range nobody knows who is new; users are counted where their id is known, and it changes every month
-- since: 28d
-- param: period=day day, or week from Monday on
-- param: feature= only uses of this feature; empty for all
WITH seen AS (
    SELECT time, nullif(tenant, '') AS tenant, user_id
    FROM requests
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND :feature IN ('', feature)
    UNION ALL
    SELECT time, nullif(tenant, '') AS tenant, user_id
    FROM usage_events
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND :feature IN ('', feature)
),
kinds AS (
    SELECT kind, CASE WHEN kind = 'week' THEN 7 ELSE 1 END AS days
    FROM UNNEST(ARRAY['day', 'week']) AS kinds (kind)
    WHERE kind = :period
),
stamped AS (
    SELECT
        CASE WHEN kind = 'week' THEN date_trunc('week', time) ELSE date_trunc('day', time) END AS period_start,
        tenant, user_id
    FROM seen CROSS JOIN kinds
),
-- at most 400 days, without a gap, until the end of the time range
periods AS (
    SELECT
        earliest + n * INTERVAL '1' DAY AS period_start,
        earliest + (n + days) * INTERVAL '1' DAY AS period_end,
        n / days AS place
    FROM (SELECT min(period_start) AS earliest FROM stamped) AS beginning
        CROSS JOIN kinds
        CROSS JOIN UNNEST(sequence(0, 399)) AS numbers (n)
    WHERE mod(n, days) = 0 AND earliest + n * INTERVAL '1' DAY < CAST(:to_time AS timestamp)
),
finished AS (
    SELECT place
    FROM periods
    WHERE period_start >= CAST(:from_time AS timestamp) AND period_end <= CAST(:to_time AS timestamp)
),
counts AS (
    SELECT
        place,
        count(*) AS uses,
        count_if(tenant IS NULL) AS uses_without_customer,
        count(DISTINCT user_id) AS users
    FROM stamped INNER JOIN periods ON periods.period_start = stamped.period_start
    GROUP BY place
),
visits AS (
    SELECT
        tenant, place,
        lag(place) OVER (PARTITION BY tenant ORDER BY place) AS visit_before,
        lead(place) OVER (PARTITION BY tenant ORDER BY place) AS visit_after
    FROM (
        SELECT DISTINCT tenant, place
        FROM stamped INNER JOIN periods ON periods.period_start = stamped.period_start
        WHERE tenant IS NOT NULL
    ) AS once
),
moves AS (
    SELECT
        place,
        count(*) AS active,
        count_if(visit_before IS NULL AND place > 0) AS arrived,
        count_if(visit_before = place - 1) AS stayed,
        count_if(visit_before < place - 1) AS returned,
        count_if(visit_after IS NULL OR visit_after > place + 1) AS leaving
    FROM visits
    GROUP BY place
)
SELECT
    periods.period_start,
    finished.place IS NOT NULL AS is_whole,
    coalesce(moves.active, 0) AS active,
    coalesce(arrived, 0) AS new,
    coalesce(stayed, 0) AS stayed,
    coalesce(returned, 0) AS returning,
    coalesce(lag(leaving) OVER (ORDER BY periods.place), 0) AS gone,
    round(
        1e2 * coalesce(lag(leaving) OVER (ORDER BY periods.place), 0)
        / nullif(lag(moves.active) OVER (ORDER BY periods.place), 0), 1
    ) AS gone_pct,
    CASE WHEN periods.place = 0 THEN coalesce(moves.active, 0) ELSE 0 END AS new_or_not_unknown,
    coalesce(users, 0) AS users,
    coalesce(uses, 0) AS uses,
    coalesce(uses_without_customer, 0) AS uses_without_customer
FROM periods
    LEFT JOIN counts ON counts.place = periods.place
    LEFT JOIN moves ON moves.place = periods.place
    LEFT JOIN finished ON finished.place = periods.place
ORDER BY periods.place
