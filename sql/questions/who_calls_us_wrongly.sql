-- question: Who calls us wrongly?
-- needs: access logs with the customer in a field; clients need the user agent in them
-- param: tenant= only this customer; empty for all
-- param: min_errors=1 rows with fewer requests answered with 4xx are left out
-- param: top=50 at most so many rows
WITH calls AS (
    SELECT
        coalesce(nullif(tenant, ''), '(unknown)') AS customer, coalesce(service, '(unknown)') AS service,
        coalesce(route, '(unknown)') AS route, coalesce(status, 0) AS status,
        coalesce(nullif(user_agent, ''), '(unknown)') AS client,
        count(DISTINCT event_id) AS requests, max(time) AS latest
    FROM requests
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND :tenant IN ('', tenant)
    GROUP BY
        coalesce(nullif(tenant, ''), '(unknown)'), coalesce(service, '(unknown)'), coalesce(route, '(unknown)'),
        coalesce(status, 0), coalesce(nullif(user_agent, ''), '(unknown)')
),
judged AS (
    SELECT
        *, CASE WHEN status BETWEEN 400 AND 499 THEN requests ELSE 0 END AS wrong,
        -- so that the largest is one of 4xx
        CASE WHEN status BETWEEN 400 AND 499 THEN ROW(requests, status, client) END AS rank_of
    FROM calls
),
summed AS (
    SELECT
        customer, service, route,
        sum(requests) AS requests,
        sum(wrong) AS wrong,
        sum(CASE WHEN status IN (400, 415, 422) THEN wrong ELSE 0 END) AS bad_input,
        sum(CASE WHEN status IN (401, 403) THEN wrong ELSE 0 END) AS not_allowed,
        sum(CASE WHEN status IN (404, 410) THEN wrong ELSE 0 END) AS not_found,
        sum(CASE WHEN status = 429 THEN wrong ELSE 0 END) AS too_many,
        max_by(client, rank_of) AS client,
        count(DISTINCT CASE WHEN wrong > 0 THEN client END) AS clients,
        max(CASE WHEN wrong > 0 THEN latest END) AS latest
    FROM judged
    GROUP BY customer, service, route
),
ranked AS (
    SELECT
        *,
        sum(wrong) OVER () AS all_wrong,
        row_number() OVER (ORDER BY wrong DESC, customer, service, route) AS place
    FROM summed
)
SELECT
    customer,
    name AS customer_name,
    service,
    route,
    requests,
    wrong AS client_errors,
    round(1e2 * wrong / requests, 2) AS client_error_pct,
    round(1e2 * wrong / all_wrong, 1) AS share_pct,
    bad_input,
    not_allowed,
    not_found,
    too_many,
    wrong - bad_input - not_allowed - not_found - too_many AS other,
    clients,
    client AS most_by_client,
    latest
FROM ranked LEFT JOIN tenants ON tenants.tenant = customer
WHERE place <= :top AND wrong > 0 AND wrong >= :min_errors
ORDER BY place
