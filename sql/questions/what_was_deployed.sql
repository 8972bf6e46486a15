-- question: What was deployed?
-- needs: nothing to change for stacks and, a day later, functions; a trail tells who and at once; `tracelake deployed`
-- needs: in the pipeline tells commit and version
-- since: 7d
-- param: what= only this stack, service or API; empty for all
-- param: top=50 at most so many deployments, the latest
WITH told AS (
    SELECT
        time, event_id, account, region, source, kind, status, service, service_version, resource, stack, commit_sha,
        changes, message, actor, run_url
    FROM deployments
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
),
-- what a resource is called elsewhere: a function by its name, by its calls and by its lines
members AS (
    SELECT coalesce(service, resource) AS member, max_by(stack, ROW(time, event_id)) AS stack
    FROM told
    WHERE kind = 'resource'
    GROUP BY coalesce(service, resource)
),
placed AS (
    SELECT
        time, event_id, account, region, source, kind, status, service, service_version, resource, commit_sha,
        changes, message, actor, run_url,
        coalesce(told.stack, members.stack, service, resource, commit_sha, kind) AS what
    FROM told
    LEFT JOIN members ON member = coalesce(service, resource)
),
-- events of one thing belong together as long as less than a quarter of an hour lies between them
parted AS (
    SELECT
        time, event_id, account, region, source, kind, status, service, service_version, resource, commit_sha,
        changes, message, actor, run_url, what,
        CASE
            WHEN time < lag(time) OVER (PARTITION BY account, region, what ORDER BY time, event_id)
                + INTERVAL '15' MINUTE THEN 0
            ELSE 1
        END AS begins
    FROM placed
),
numbered AS (
    SELECT
        time, event_id, account, region, source, kind, status, service, service_version, resource, commit_sha,
        coalesce(service, resource) || ' ' || changes AS change, message, actor, run_url, what,
        sum(begins) OVER (
            PARTITION BY account, region, what ORDER BY time, event_id ROWS UNBOUNDED PRECEDING
        ) AS number
    FROM parted
),
grouped AS (
    SELECT
        what,
        min(time) AS began,
        max(time) AS ended,
        CASE
            WHEN count_if(status = 'failed') > 0 THEN 'failed'
            WHEN count_if(status = 'succeeded') > 0 THEN 'succeeded'
            ELSE max(status)
        END AS status,
        count(DISTINCT resource) AS changed,
        array_join(array_sort(array_agg(DISTINCT service) FILTER (WHERE service IS NOT NULL)), ', ') AS services,
        array_join(array_sort(array_agg(DISTINCT source)), ', ') AS told_by,
        max_by(service_version, ROW(time, event_id)) FILTER (WHERE service_version IS NOT NULL) AS service_version,
        max_by(commit_sha, ROW(time, event_id)) FILTER (WHERE commit_sha IS NOT NULL) AS commit_sha,
        array_join(array_sort(array_agg(DISTINCT actor) FILTER (WHERE actor IS NOT NULL)), ', ') AS actors,
        array_join(array_sort(array_agg(DISTINCT change) FILTER (WHERE change IS NOT NULL)), '; ') AS changes,
        max_by(message, ROW(time, event_id)) FILTER (WHERE status = 'failed') AS reason,
        max_by(run_url, ROW(time, event_id)) FILTER (WHERE run_url IS NOT NULL) AS run_url
    FROM numbered
    GROUP BY account, region, what, number
),
ranked AS (
    SELECT
        began, ended, what, status, changed, services, told_by, service_version, commit_sha, actors, changes, reason,
        run_url,
        row_number() OVER (ORDER BY ended DESC, began DESC, what) AS place
    FROM grouped
    WHERE :what = '' OR what = :what OR strpos(', ' || services || ', ', ', ' || :what || ', ') > 0
)
SELECT
    began, ended, what, status, changed, services, service_version, commit_sha, actors,
    substr(changes, 1, 500) AS changes, reason, told_by, run_url
FROM ranked
WHERE place <= :top
ORDER BY place
