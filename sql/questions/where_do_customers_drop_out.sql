-- question: Where do customers drop out?
-- needs: usage events or access logs with the customer (or user) in a field. Steps are features, or routes such as POST /orders, in the order in which they are to follow; requests that failed are no step
-- since: 14d
-- param: steps= two to five, separated by commas
-- param: within_days=7 from the first step to the last
-- param: by=customer customer, or user (whose id changes every month)
WITH wanted AS (
    SELECT n AS step
    FROM UNNEST(ARRAY[1, 2, 3, 4, 5]) AS numbers (n)
    WHERE n <= cardinality(split(:steps, ',')) AND :steps <> ''
),
uses AS (
    SELECT tenant, user_id, feature, CAST(NULL AS varchar) AS route, time
    FROM usage_events
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
    UNION ALL
    SELECT tenant, user_id, feature, route, time
    FROM requests
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND coalesce(status, 0) < 400
),
named AS (
    SELECT tenant, user_id, step, CASE WHEN used = 'route' THEN route ELSE feature END AS name, time
    FROM uses CROSS JOIN wanted CROSS JOIN UNNEST(ARRAY['feature', 'route']) AS kinds (used)
    WHERE trim(split_part(:steps, ',', step)) = CASE WHEN used = 'route' THEN route ELSE feature END
),
steps AS (
    SELECT CASE WHEN kind = 'user' THEN user_id ELSE nullif(tenant, '') END AS who, step, name, time
    FROM named CROSS JOIN UNNEST(ARRAY['customer', 'user']) AS kinds (kind)
    WHERE kind = :by
),
-- the latest beginning from which each step was reached by then: if that is too long ago, all are. Of the same instant
-- the later step stands before the earlier, so that nothing follows itself
walk_1 AS (
    SELECT
        who, step, name, time, days,
        max(CASE WHEN step = 1 THEN time END) OVER (PARTITION BY who ORDER BY time, step DESC) AS since_1
    FROM steps CROSS JOIN (
        SELECT n AS days
        FROM UNNEST(sequence(1, 366)) AS numbers (n)
        WHERE n = :within_days
    ) AS allowed
    WHERE who IS NOT NULL
),
walk_2 AS (
    SELECT
        who, step, name, time, days, since_1,
        max(CASE WHEN step = 2 AND time <= since_1 + days * INTERVAL '1' DAY THEN since_1 END)
            OVER (PARTITION BY who ORDER BY time, step DESC) AS since_2
    FROM walk_1
),
walk_3 AS (
    SELECT
        who, step, name, time, days, since_1, since_2,
        max(CASE WHEN step = 3 AND time <= since_2 + days * INTERVAL '1' DAY THEN since_2 END)
            OVER (PARTITION BY who ORDER BY time, step DESC) AS since_3
    FROM walk_2
),
walk_4 AS (
    SELECT
        who, step, name, time, days, since_1, since_2, since_3,
        max(CASE WHEN step = 4 AND time <= since_3 + days * INTERVAL '1' DAY THEN since_3 END)
            OVER (PARTITION BY who ORDER BY time, step DESC) AS since_4
    FROM walk_3
),
walk_5 AS (
    SELECT
        who, step, name, time, days, since_1, since_2, since_3, since_4,
        max(CASE WHEN step = 5 AND time <= since_4 + days * INTERVAL '1' DAY THEN since_4 END)
            OVER (PARTITION BY who ORDER BY time, step DESC) AS since_5
    FROM walk_4
),
reached AS (
    SELECT who, step, min(time) AS reached_at, min_by(began, time) AS began
    FROM (
        SELECT
            who, step, time,
            CASE step
                WHEN 1 THEN since_1 WHEN 2 THEN since_2 WHEN 3 THEN since_3 WHEN 4 THEN since_4 ELSE since_5
            END AS began
        FROM walk_5
    ) AS walked
    WHERE began IS NOT NULL
    GROUP BY who, step
),
counts AS (
    SELECT
        wanted.step,
        count(who) AS reached,
        approx_percentile(date_diff('second', began, reached_at) / 36e2, 0.5e0) AS p50_hours
    FROM wanted LEFT JOIN reached ON reached.step = wanted.step
    GROUP BY wanted.step
),
names AS (
    SELECT step, max(name) AS name
    FROM named
    GROUP BY step
),
compared AS (
    SELECT
        step, reached, p50_hours,
        lag(reached) OVER (ORDER BY step) AS reached_before,
        max(reached) OVER () AS began
    FROM counts
)
SELECT
    compared.step,
    coalesce(names.name, '(not seen)') AS name,
    reached,
    coalesce(reached_before - reached, 0) AS lost,
    round(1e2 * reached / nullif(reached_before, 0), 1) AS of_previous_pct,
    round(1e2 * reached / nullif(began, 0), 1) AS of_first_pct,
    round(p50_hours, 2) AS p50_hours
FROM compared LEFT JOIN names ON names.step = compared.step
ORDER BY compared.step
