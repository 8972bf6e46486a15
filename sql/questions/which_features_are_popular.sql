-- question: Which features are popular?
-- needs: usage events, or access logs whose routes the rules map to features
-- since: 7d
-- param: tenant= only this customer; empty for all
-- param: top=50 at most so many features
WITH uses AS (
    SELECT feature, tenant, user_id, event_id, time, CAST(NULL AS integer) AS status
    FROM usage_events
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:tenant = '' OR tenant = :tenant)
    UNION ALL
    SELECT feature, tenant, user_id, event_id, time, coalesce(status, 0) AS status
    FROM requests
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:tenant = '' OR tenant = :tenant)
        AND feature IS NOT NULL
),
by_customer AS (
    SELECT
        feature, tenant,
        count(DISTINCT event_id) AS uses,
        count(DISTINCT CASE WHEN status IS NULL THEN event_id END) AS usage_events,
        count(DISTINCT CASE WHEN status >= 0 THEN event_id END) AS requests,
        count(DISTINCT CASE WHEN status >= 500 THEN event_id END) AS failed,
        max(time) AS last_used
    FROM uses
    GROUP BY feature, tenant
),
users AS (
    SELECT feature, count(DISTINCT user_id) AS users
    FROM uses
    GROUP BY feature
),
features AS (
    SELECT
        feature,
        sum(uses) AS uses, sum(usage_events) AS usage_events, sum(requests) AS requests, sum(failed) AS failed,
        count(tenant) AS customers,
        max_by(coalesce(tenant, '(unknown)'), ROW(uses, coalesce(tenant, ''))) AS busiest_customer,
        max(uses) AS busiest_uses,
        max(last_used) AS last_used,
        sum(sum(uses)) OVER () AS all_uses,
        row_number() OVER (ORDER BY count(tenant) DESC, sum(uses) DESC, feature) AS place
    FROM by_customer
    GROUP BY feature
)
SELECT
    features.feature,
    customers,
    users,
    uses,
    round(1e2 * uses / all_uses, 1) AS share_pct,
    usage_events,
    requests,
    round(1e2 * failed / nullif(requests, 0), 2) AS error_pct,
    busiest_customer,
    round(1e2 * busiest_uses / uses, 1) AS busiest_pct,
    last_used
FROM features INNER JOIN users ON users.feature = features.feature
WHERE place <= :top
ORDER BY place
