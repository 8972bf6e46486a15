-- question: Which clients call us?
-- needs: access logs with the user agent in a field. Browsers are told by name and main version, everything else by the first name and version in its user agent
-- param: tenant= only this customer; empty for all
-- param: top=50 at most so many clients
WITH calls AS (
    SELECT
        event_id, time, tenant, coalesce(status, 0) AS status,
        nullif(regexp_extract(user_agent, '(Edg|OPR)/\d+', 1), '') AS disguised,
        nullif(regexp_extract(user_agent, '(Edg|OPR)/(\d+)', 2), '') AS disguised_version,
        nullif(regexp_extract(user_agent, '(Firefox|FxiOS|Chrome|CriOS)/\d+', 1), '') AS browser,
        nullif(regexp_extract(user_agent, '(Firefox|FxiOS|Chrome|CriOS)/(\d+)', 2), '') AS browser_version,
        nullif(regexp_extract(user_agent, 'Version/\d+\S* .*(Safari)/', 1), '') AS safari,
        nullif(regexp_extract(user_agent, 'Version/(\d+)', 1), '') AS safari_version,
        nullif(regexp_extract(user_agent, '^([^/ ]+)', 1), '') AS product,
        nullif(regexp_extract(user_agent, '^[^/ ]+/([^ ;,]+)', 1), '') AS product_version
    FROM requests
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND :tenant IN ('', tenant)
),
named AS (
    SELECT
        event_id, time, tenant, status,
        coalesce(disguised, browser, safari, product, '(unknown)') AS client,
        coalesce(
            CASE
                WHEN disguised IS NOT NULL THEN disguised_version
                WHEN browser IS NOT NULL THEN browser_version
                WHEN safari IS NOT NULL THEN safari_version
                ELSE product_version
            END,
            '(unknown)'
        ) AS version
    FROM calls
),
clients AS (
    SELECT
        client, version,
        count(DISTINCT event_id) AS requests,
        count(DISTINCT nullif(tenant, '')) AS customers,
        count(DISTINCT CASE WHEN status >= 500 THEN event_id END) AS errors,
        count(DISTINCT CASE WHEN status BETWEEN 400 AND 499 THEN event_id END) AS client_errors,
        min(time) AS first_seen,
        max(time) AS last_seen,
        sum(count(DISTINCT event_id)) OVER () AS all_requests,
        row_number() OVER (ORDER BY count(DISTINCT event_id) DESC, client, version) AS place
    FROM named
    GROUP BY client, version
)
SELECT
    client,
    version,
    requests,
    round(1e2 * requests / all_requests, 1) AS share_pct,
    customers,
    round(1e2 * errors / requests, 2) AS error_pct,
    round(1e2 * client_errors / requests, 2) AS client_error_pct,
    first_seen,
    last_seen
FROM clients
WHERE place <= :top
ORDER BY place
