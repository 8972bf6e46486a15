-- question: Which log groups are loud?
-- needs: nothing to change: every commit is in the ledger, with its 50 loudest log groups. How much of it is TRACE, DEBUG and INFO is known where there is a budget (`monthly_budget_usd`)
-- param: top=50 at most so many log groups
WITH commits AS (
    SELECT raw_bytes, bytes_by_log_group, quiet_bytes_by_log_group, sampled_by_log_group
    FROM ingest_ledger
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
),
amounts AS (
    SELECT log_group, bytes_by_log_group[log_group] AS raw_bytes, 0 AS quiet_bytes, 0 AS lines_left_out
    FROM commits CROSS JOIN UNNEST(map_keys(bytes_by_log_group)) AS entries (log_group)
    UNION ALL
    SELECT log_group, 0 AS raw_bytes, quiet_bytes_by_log_group[log_group] AS quiet_bytes, 0 AS lines_left_out
    FROM commits CROSS JOIN UNNEST(map_keys(quiet_bytes_by_log_group)) AS entries (log_group)
    UNION ALL
    SELECT log_group, 0 AS raw_bytes, 0 AS quiet_bytes, sampled_by_log_group[log_group] AS lines_left_out
    FROM commits CROSS JOIN UNNEST(map_keys(sampled_by_log_group)) AS entries (log_group)
),
totals AS (
    SELECT
        log_group,
        sum(raw_bytes) AS raw_bytes,
        sum(quiet_bytes) AS quiet_bytes,
        sum(lines_left_out) AS lines_left_out,
        row_number() OVER (ORDER BY sum(raw_bytes) DESC, log_group) AS place
    FROM amounts
    GROUP BY log_group
)
SELECT
    log_group,
    raw_bytes,
    round(1e2 * raw_bytes / nullif(all_bytes, 0), 1) AS share_pct,
    quiet_bytes AS debug_info_bytes,
    lines_left_out
FROM totals CROSS JOIN (SELECT sum(raw_bytes) AS all_bytes FROM commits) AS everything
WHERE place <= :top
ORDER BY place
