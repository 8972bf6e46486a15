-- question: What does tracelake itself cost?
-- needs: nothing to change: every commit is in the ledger. What it costs at rest comes on top: `tracelake price` says it
-- since: 7d
WITH commits AS (
    SELECT hour, records, raw_bytes, stored_bytes, files, "rows" AS rows_by_table
    FROM ingest_ledger
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
),
counts AS (
    SELECT
        count(DISTINCT hour) AS hours,
        count(*) AS commits,
        sum(records) AS records,
        sum(raw_bytes) AS raw_bytes,
        sum(stored_bytes) AS stored_bytes,
        sum(files) AS files
    FROM commits
),
lake_rows AS (
    SELECT sum(rows_by_table[lake_table]) AS amount
    FROM commits CROSS JOIN UNNEST(map_keys(rows_by_table)) AS entries (lake_table)
),
-- dollars for each one of a count, of functions/core/cost; prices are of the day and region in prices.json
charges AS (
    SELECT part, counted, usd_each
    FROM (VALUES
        -- generated: charges
        ('Kinesis requests', 'raw_bytes', 4.101562e-14),
        ('Kinesis requests', 'records', 7.000000e-09),
        ('normalize', 'commits', 7.110191e-06),
        ('normalize', 'raw_bytes', 5.758492e-13),
        ('compact', 'hours', 1.958343e-04),
        ('compact', 'rows', 1.338201e-09),
        ('detect', 'hours', 2.666680e-04),
        ('S3 requests', 'files', 6.200000e-06),
        ('S3 requests', 'commits', 6.200000e-06),
        ('S3 requests', 'hours', 8.060000e-04),
        ('S3 storage of a month', 'stored_bytes', 2.622000e-11),
        ('DynamoDB', 'commits', 1.300000e-05),
        ('DynamoDB', 'hours', 1.237500e-04),
        ('CloudWatch metrics', 'hours', 7.808219e-03),
        ('CloudWatch metrics', 'commits', 1.000000e-05),
        ('Own logs', 'commits', 7.950000e-07)
        -- end
    ) AS listed (part, counted, usd_each)
),
costs AS (
    SELECT
        part,
        sum(usd_each * CASE counted
            WHEN 'hours' THEN hours
            WHEN 'commits' THEN commits
            WHEN 'records' THEN records
            WHEN 'raw_bytes' THEN raw_bytes
            WHEN 'stored_bytes' THEN stored_bytes
            WHEN 'files' THEN files
            WHEN 'rows' THEN amount
        END) AS usd
    FROM charges CROSS JOIN counts CROSS JOIN lake_rows
    GROUP BY part
)
SELECT
    part,
    round(usd, 6) AS usd,
    round(1e2 * usd / nullif(sum(usd) OVER (), 0e0), 1) AS share_pct,
    round(sum(usd) OVER (), 6) AS all_usd,
    round(1e9 * sum(usd) OVER () / nullif(raw_bytes, 0), 6) AS usd_per_raw_gb
FROM costs CROSS JOIN counts
WHERE commits > 0
ORDER BY usd DESC, part
