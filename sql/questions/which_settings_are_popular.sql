-- question: Which settings are popular?
-- needs: one JSON log line or event {"event_type": "setting_changed", ...} where a setting changes
-- since: 90d
-- param: setting= only this setting; empty for all
-- param: top=100 at most so many values
WITH changes AS (
    SELECT
        tenant, setting, old_value, new_value, time, event_id,
        row_number() OVER (PARTITION BY tenant, setting ORDER BY time DESC, event_id DESC) AS newest_first
    FROM tenant_settings
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:setting = '' OR setting = :setting)
),
moves AS (
    SELECT
        setting, new_value AS value, CASE WHEN newest_first = 1 THEN tenant END AS holder,
        event_id AS arrival, CAST(NULL AS varchar) AS departure, time
    FROM changes
    UNION ALL
    SELECT
        setting, old_value AS value, CAST(NULL AS varchar) AS holder,
        CAST(NULL AS varchar) AS arrival, event_id AS departure, time
    FROM changes
    WHERE old_value IS NOT NULL
),
choices AS (
    SELECT
        setting, coalesce(value, '(none)') AS value,
        count(DISTINCT holder) AS customers,
        count(DISTINCT arrival) AS switched_to,
        count(DISTINCT departure) AS switched_away,
        max(time) AS last_change
    FROM moves
    GROUP BY setting, coalesce(value, '(none)')
),
ranked AS (
    SELECT
        setting, value, customers, switched_to, switched_away, last_change,
        sum(customers) OVER (PARTITION BY setting) AS holders,
        row_number() OVER (ORDER BY customers DESC, switched_to DESC, setting, value) AS place
    FROM choices
)
SELECT
    setting,
    value,
    customers,
    round(1e2 * customers / holders, 1) AS share_pct,
    switched_to,
    switched_away,
    last_change
FROM ranked
WHERE place <= :top
ORDER BY setting, customers DESC, switched_to DESC, value
