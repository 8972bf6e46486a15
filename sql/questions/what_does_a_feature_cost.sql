-- question: What does a feature cost?
-- needs: tracing (a trace id in REPORT lines, better spans), and features: access logs or spans whose routes the rules map to features, or usage events with a trace id. What cannot be told is (no feature) or (not attributed); the running hour is there when it is over
-- param: by=feature feature, or route for what was asked of which service
-- param: tenant= only this customer; empty for all, with what is not attributed
-- param: top=50 at most so many features, and the sum of the others
WITH named AS (
    SELECT trace_id, feature, 1 AS told_by, time
    FROM requests
    WHERE hour BETWEEN :from_hour AND :to_hour AND trace_id IS NOT NULL AND feature IS NOT NULL
    UNION ALL
    SELECT trace_id, feature, 2 AS told_by, time
    FROM spans
    WHERE hour BETWEEN :from_hour AND :to_hour AND trace_id IS NOT NULL AND feature IS NOT NULL
    UNION ALL
    SELECT trace_id, feature, 3 AS told_by, time
    FROM usage_events
    WHERE hour BETWEEN :from_hour AND :to_hour AND trace_id IS NOT NULL AND feature IS NOT NULL
),
-- one feature a trace, so that no cost is counted twice
features AS (
    SELECT trace_id, min_by(feature, ROW(told_by, time, feature)) AS feature
    FROM named
    GROUP BY trace_id
),
requested AS (
    SELECT
        coalesce(feature, '(no feature)') AS feature,
        coalesce(service || ' ', '') || coalesce(transactions.name, '(unknown)') AS route,
        tenant, status = 'failed' AS failed, cost_usd
    FROM transactions LEFT JOIN features ON features.trace_id = transactions.trace_id
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND :tenant IN ('', tenant)
),
spent AS (
    SELECT CASE WHEN kind = 'route' THEN route ELSE feature END AS feature, tenant, failed, cost_usd
    FROM requested CROSS JOIN UNNEST(ARRAY['feature', 'route']) AS kinds (kind)
    WHERE kind = :by
),
ranked AS (
    SELECT feature, row_number() OVER (ORDER BY sum(cost_usd) DESC, feature) AS place
    FROM spent
    GROUP BY feature
),
placed AS (
    SELECT
        CASE WHEN shown THEN ranked.feature ELSE '(others)' END AS feature,
        CASE WHEN shown THEN place ELSE 1000001 END AS place,
        tenant, failed, cost_usd
    FROM spent INNER JOIN ranked ON ranked.feature = spent.feature
        CROSS JOIN UNNEST(ARRAY[true, false]) AS sides (shown)
    WHERE (place <= :top) = shown
),
-- dollars for each call, of functions/core/cost/calls.py
call_prices AS (
    SELECT service, beginning, usd_each
    FROM (VALUES
        -- generated: call_prices
        ('SQS', '', 4.000e-07),
        ('SNS', 'Publish', 5.000e-07),
        ('EventBridge', 'PutEvents', 1.000e-06),
        ('Kinesis', 'PutRecord', 1.400e-08),
        ('KMS', '', 3.000e-06),
        ('DynamoDB', 'Get', 6.250e-08),
        ('DynamoDB', 'Query', 6.250e-08),
        ('DynamoDB', 'Scan', 6.250e-08),
        ('DynamoDB', 'BatchGet', 6.250e-08),
        ('DynamoDB', 'Put', 6.250e-07),
        ('DynamoDB', 'Update', 6.250e-07),
        ('DynamoDB', 'Delete', 6.250e-07),
        ('DynamoDB', 'BatchWrite', 6.250e-07),
        ('DynamoDB', 'TransactGet', 2.500e-07),
        ('DynamoDB', 'TransactWrite', 1.250e-06),
        ('S3', 'Get', 4.000e-07),
        ('S3', 'Head', 4.000e-07),
        ('S3', 'Put', 5.000e-06),
        ('S3', 'Copy', 5.000e-06),
        ('S3', 'Post', 5.000e-06),
        ('S3', 'List', 5.000e-06),
        ('S3', 'CreateMultipart', 5.000e-06),
        ('S3', 'UploadPart', 5.000e-06),
        ('API Gateway', 'REST', 3.500e-06),
        ('API Gateway', 'HTTP', 1.000e-06)
        -- end
    ) AS listed (service, beginning, usd_each)
),
spending AS (
    SELECT time, 'Lambda' AS service, CAST(NULL AS varchar) AS operation, 1 AS calls, cost_usd
    FROM invocations
    WHERE hour BETWEEN :from_hour AND :to_hour
    UNION ALL
    SELECT time, replace(callee, 'AWS::', '') AS service, operation, calls, CAST(NULL AS double) AS cost_usd
    FROM service_calls
    WHERE hour BETWEEN :from_hour AND :to_hour
    UNION ALL
    SELECT
        time, 'API Gateway' AS service,
        -- ids of REST APIs are UUIDs; what is throttled is not billed
        CASE
            WHEN nullif(regexp_extract(
                request_id,
                '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(_REPLACED_INVALID_REQUEST_ID|)$'
            ), '') IS NOT NULL THEN 'REST'
            ELSE 'HTTP'
        END AS operation,
        1 AS calls, CAST(NULL AS double) AS cost_usd
    FROM requests
    WHERE hour BETWEEN :from_hour AND :to_hour AND source = 'access_log' AND coalesce(status, 0) <> 429
),
paid AS (
    SELECT coalesce(cost_usd, calls * usd_each) AS cost_usd
    FROM spending LEFT JOIN call_prices
        ON call_prices.service = spending.service AND coalesce(operation, '') LIKE beginning || '%'
    WHERE time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
),
costs AS (
    SELECT
        feature, place,
        count(*) AS requests,
        count(DISTINCT tenant) AS customers,
        sum(cost_usd) AS cost_usd,
        approx_percentile(cost_usd, 0.9e0) AS p90_usd,
        count_if(failed) AS failed,
        coalesce(sum(CASE WHEN failed THEN cost_usd END), 0e0) AS failed_usd
    FROM placed
    GROUP BY feature, place
    UNION ALL
    SELECT
        '(not attributed)' AS feature, 1000002 AS place, 0 AS requests, 0 AS customers,
        paid_usd - coalesce(attributed_usd, 0e0) AS cost_usd, CAST(NULL AS double) AS p90_usd, 0 AS failed,
        0e0 AS failed_usd
    FROM (SELECT sum(cost_usd) AS paid_usd FROM paid) AS bill
        CROSS JOIN (SELECT sum(cost_usd) AS attributed_usd FROM requested) AS known
    WHERE :tenant = '' AND paid_usd IS NOT NULL
)
SELECT
    feature,
    requests,
    customers,
    round(cost_usd, 6) AS cost_usd,
    round(1e2 * cost_usd / nullif(sum(cost_usd) OVER (), 0e0), 1) AS share_pct,
    round(1e3 * cost_usd / nullif(requests, 0), 6) AS usd_per_thousand,
    round(1e3 * p90_usd, 6) AS p90_usd_per_thousand,
    failed,
    round(failed_usd, 6) AS failed_usd,
    round(1e2 * failed_usd / nullif(cost_usd, 0e0), 1) AS failed_cost_pct,
    round(sum(cost_usd) OVER (), 6) AS all_usd
FROM costs
ORDER BY place
