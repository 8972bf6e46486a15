-- question: Which versions fail?
-- needs: the version of the service in log lines or spans: `service.version`, as OpenTelemetry and its resources name it, or a field that the rules name
-- param: service= only this service; empty for all
-- param: top=50 at most so many versions
WITH seen AS (
    SELECT
        coalesce(service, '(unknown)') AS service, coalesce(service_version, '(unknown)') AS version,
        time, event_id, user_id, true AS is_line, level IN ('ERROR', 'FATAL') AS failed, CAST(NULL AS double) AS ms
    FROM logs
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:service = '' OR service = :service)
    UNION ALL
    SELECT
        coalesce(service, '(unknown)') AS service, coalesce(service_version, '(unknown)') AS version,
        time, event_id, CAST(NULL AS varchar) AS user_id, false AS is_line, status = 'fault' AS failed, duration_ms AS ms
    FROM spans
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND (:service = '' OR service = :service)
        AND kind IN ('server', 'consumer')
),
versions AS (
    SELECT
        service, version,
        count(DISTINCT CASE WHEN is_line THEN event_id END) AS lines,
        count(DISTINCT CASE WHEN is_line AND failed THEN event_id END) AS error_lines,
        count(DISTINCT CASE WHEN failed THEN user_id END) AS users_with_errors,
        count(DISTINCT CASE WHEN NOT is_line THEN event_id END) AS spans,
        count(DISTINCT CASE WHEN NOT is_line AND failed THEN event_id END) AS failed_spans,
        round(approx_percentile(ms, 0.9e0), 1) AS p90_ms,
        min(time) AS first_seen, max(time) AS last_seen
    FROM seen
    GROUP BY service, version
),
ranked AS (
    SELECT
        service, version, lines, error_lines, users_with_errors, spans, failed_spans, p90_ms, first_seen, last_seen,
        row_number() OVER (PARTITION BY service ORDER BY first_seen DESC, version) AS newest_first,
        row_number() OVER (ORDER BY failed_spans + error_lines DESC, lines + spans DESC, service, version) AS place
    FROM versions
)
SELECT
    service,
    version,
    newest_first = 1 AS is_newest,
    lines,
    round(1e2 * error_lines / nullif(lines, 0), 2) AS error_line_pct,
    users_with_errors,
    spans,
    round(1e2 * failed_spans / nullif(spans, 0), 2) AS failed_span_pct,
    p90_ms,
    first_seen,
    last_seen
FROM ranked
WHERE place <= :top
ORDER BY place
