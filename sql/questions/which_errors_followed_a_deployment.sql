-- question: Which errors followed a deployment?
-- needs: log lines of level ERROR or FATAL, or uncaught exceptions, and deployments of the functions that wrote them.
-- needs: New is what did not occur earlier in the time range
-- since: 48h
-- param: minutes=60 errors that occurred for the first time within so many minutes after a deployment
-- param: top=50 at most so many errors, the latest
WITH errors_seen AS (
    SELECT
        fingerprint,
        service,
        CASE WHEN log_group LIKE '/aws/lambda/%' THEN substr(log_group, 13) END AS function_name,
        min(time) AS first_seen,
        count(DISTINCT event_id) AS occurrences,
        count(DISTINCT tenant) AS customers,
        max_by(error_type, ROW(time, event_id)) AS error_type,
        substr(max_by(message, ROW(time, event_id)), 1, 200) AS example
    FROM logs
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND fingerprint IS NOT NULL
    GROUP BY fingerprint, service, CASE WHEN log_group LIKE '/aws/lambda/%' THEN substr(log_group, 13) END
),
told AS (
    SELECT time, event_id, source, kind, service, service_version, commit_sha, changes
    FROM deployments
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND service IS NOT NULL
),
followed AS (
    SELECT
        fingerprint, function_name, error_type, example, occurrences, customers, first_seen, errors_seen.service,
        told.time AS deployed, kind, service_version, commit_sha, told.changes,
        row_number() OVER (
            PARTITION BY fingerprint, errors_seen.service, function_name
            ORDER BY told.time DESC, told.event_id, source
        ) AS place
    FROM errors_seen
    CROSS JOIN told
    WHERE (told.service = errors_seen.service OR told.service = function_name)
        AND errors_seen.first_seen >= told.time
        AND errors_seen.first_seen < told.time + :minutes * INTERVAL '1' MINUTE
),
ranked AS (
    SELECT
        deployed, first_seen, service, error_type, example, occurrences, customers, kind, service_version, commit_sha,
        changes, fingerprint,
        row_number() OVER (ORDER BY first_seen DESC, fingerprint, service, function_name) AS place
    FROM followed
    WHERE place = 1
)
SELECT
    deployed, first_seen, service, error_type, example, occurrences, customers, kind, service_version, commit_sha,
    changes, fingerprint
FROM ranked
WHERE place <= :top
ORDER BY place
