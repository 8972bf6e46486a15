-- question: What did requests do, span by span and line by line?
-- needs: tracing (spans), and log lines with a trace or request id; `tracelake suspects` compares two times of it
-- since: 1h
-- param: top=30000 at most so many rows, of whole requests; equal for two times, these are alike
WITH facts AS (
    SELECT
        'span' AS fact, trace_id AS request, trace_id, span_id, parent_span_id,
        json_format(CAST(links AS json)) AS links, service, name, kind, start_time, duration_ms, status,
        remote_service, remote_operation,
        CASE WHEN remote_service <> '' AND kind IN ('client', 'producer') THEN span_attributes END AS span_attributes,
        CAST(NULL AS varchar) AS request_id, CAST(NULL AS varchar) AS level, CAST(NULL AS varchar) AS message,
        event_id, row_no
    FROM spans
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
    UNION ALL
    SELECT
        'log', coalesce(trace_id, request_id), trace_id, span_id, NULL, NULL, service, NULL, NULL, time, NULL, NULL,
        NULL, NULL, NULL, request_id, level, substr(message, 1, 300), event_id, row_no
    FROM logs
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND coalesce(trace_id, request_id) <> ''
),
-- an hour that goes on can have a row twice
once AS (
    SELECT *, row_number() OVER (PARTITION BY fact, event_id, row_no ORDER BY duration_ms) AS place
    FROM facts
),
counted AS (
    SELECT request, count(*) AS amount
    FROM once
    WHERE place = 1
    GROUP BY request
),
-- the end of an id is chance, its beginning can be a time
chosen AS (
    SELECT request, sum(amount) OVER (ORDER BY reverse(request)) AS until
    FROM counted
)
SELECT
    fact, trace_id, span_id, parent_span_id, links, service, name, kind, start_time, duration_ms, status,
    remote_service, remote_operation, span_attributes, request_id, level, message
FROM once INNER JOIN chosen ON chosen.request = once.request
WHERE place = 1 AND until <= :top
ORDER BY fact, start_time, event_id, row_no
