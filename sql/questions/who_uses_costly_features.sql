-- question: Who uses costly features?
-- needs: what `what_does_a_feature_cost` needs, with the customer in it; prices and plans need the list of customers (`tracelake customers put`). price_usd is the monthly price for the time range, 730 hours a month
-- param: feature= only this feature; empty for all, with what is not attributed
-- param: top=50 at most so many rows, and the sum of the others
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
used AS (
    SELECT
        coalesce(nullif(tenant, ''), '(unknown)') AS customer, coalesce(feature, '(no feature)') AS feature,
        count(*) AS requests, count_if(status = 'failed') AS failed, sum(cost_usd) AS cost_usd
    FROM transactions LEFT JOIN features ON features.trace_id = transactions.trace_id
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
    GROUP BY coalesce(nullif(tenant, ''), '(unknown)'), coalesce(feature, '(no feature)')
),
-- Athena takes parameters in WHERE alone, so the minutes of the time range are added up from the bits of their number
asked AS (
    SELECT sum(minutes) / 6e1 / 73e1 AS months
    FROM UNNEST(ARRAY[
        1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288,
        1048576, 2097152, 4194304
    ]) AS bits (minutes)
    WHERE mod(date_diff('minute', CAST(:from_time AS timestamp), CAST(:to_time AS timestamp)) / minutes, 2) = 1
),
customers AS (
    SELECT used.customer, name, plan, monthly_price_usd * months AS price_usd, sum(cost_usd) AS spent_usd
    FROM used CROSS JOIN asked LEFT JOIN tenants ON tenants.tenant = used.customer
    GROUP BY used.customer, name, plan, monthly_price_usd * months
),
-- whoever pays for a plan counts, and not only those who came
prices AS (
    SELECT plan, sum(monthly_price_usd) AS monthly_usd
    FROM tenants
    WHERE plan IS NOT NULL
    GROUP BY plan
),
plans AS (
    SELECT prices.plan, monthly_usd * months AS earned_usd, sum(spent_usd) AS spent_usd
    FROM prices CROSS JOIN asked INNER JOIN customers ON customers.plan = prices.plan
    GROUP BY prices.plan, monthly_usd * months
),
compared AS (
    SELECT
        customer, feature, requests, failed, cost_usd,
        sum(cost_usd) OVER (PARTITION BY feature) / sum(requests) OVER (PARTITION BY feature) AS usual_usd,
        row_number() OVER (ORDER BY cost_usd DESC, customer, feature) AS place
    FROM used
    WHERE :feature IN ('', feature)
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
placed AS (
    SELECT
        CASE WHEN shown THEN customer ELSE '(others)' END AS customer,
        CASE WHEN shown THEN feature ELSE '(others)' END AS feature,
        CASE WHEN shown THEN place ELSE 1000001 END AS place,
        requests, failed, cost_usd, requests * usual_usd AS usual_usd
    FROM compared CROSS JOIN UNNEST(ARRAY[true, false]) AS sides (shown)
    WHERE (place <= :top) = shown
),
costs AS (
    SELECT
        customer, feature, place, sum(requests) AS requests, sum(failed) AS failed, sum(cost_usd) AS cost_usd,
        sum(usual_usd) AS usual_usd
    FROM placed
    GROUP BY customer, feature, place
    UNION ALL
    SELECT
        '(not attributed)' AS customer, '(not attributed)' AS feature, 1000002 AS place, 0 AS requests, 0 AS failed,
        paid_usd - coalesce(attributed_usd, 0e0) AS cost_usd, CAST(NULL AS double) AS usual_usd
    FROM (SELECT sum(cost_usd) AS paid_usd FROM paid) AS bill
        CROSS JOIN (SELECT sum(cost_usd) AS attributed_usd FROM used) AS known
    WHERE :feature = '' AND paid_usd IS NOT NULL
)
SELECT
    costs.customer,
    name AS customer_name,
    customers.plan,
    feature,
    requests,
    failed,
    round(cost_usd, 6) AS cost_usd,
    round(1e2 * cost_usd / nullif(sum(cost_usd) OVER (), 0e0), 1) AS share_pct,
    round(1e3 * cost_usd / nullif(requests, 0), 6) AS usd_per_thousand,
    round(cost_usd / nullif(usual_usd, 0e0), 2) AS times_usual,
    round(price_usd, 6) AS price_usd,
    round(1e2 * cost_usd / nullif(price_usd, 0e0), 1) AS pct_of_price,
    round(price_usd - customers.spent_usd, 6) AS margin_usd,
    round(earned_usd, 6) AS plan_price_usd,
    round(plans.spent_usd, 6) AS plan_cost_usd,
    round(earned_usd - plans.spent_usd, 6) AS plan_margin_usd
FROM costs
    LEFT JOIN customers ON customers.customer = costs.customer
    LEFT JOIN plans ON plans.plan = customers.plan
ORDER BY place
