-- question: Which functions waste memory?
-- needs: nothing to change: Lambda writes a REPORT line for every invocation
-- since: 7d
-- param: min_invocations=20 only functions with at least so many
-- param: top=50 at most so many functions
WITH functions AS (
    SELECT
        function_name, memory_size_mb,
        count(*) AS invocations,
        max(max_memory_used_mb) AS used_mb_max,
        avg(max_memory_used_mb) AS used_mb_avg,
        sum(cost_usd) AS cost_usd
    FROM invocations
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND status IS NOT NULL
        AND memory_size_mb > 0
    GROUP BY function_name, memory_size_mb
),
-- a quarter of headroom, in steps of 64 MB; less memory also means less CPU, so the saving is an upper bound
sized AS (
    SELECT
        function_name, memory_size_mb, invocations, used_mb_max, used_mb_avg, cost_usd,
        least(memory_size_mb, greatest(128, CAST(ceil(used_mb_max * 1.25e0 / 64) * 64 AS integer))) AS enough_mb
    FROM functions
    WHERE invocations >= :min_invocations
),
ranked AS (
    SELECT
        function_name, memory_size_mb, invocations, used_mb_max, used_mb_avg, enough_mb,
        cost_usd * (memory_size_mb - enough_mb) / memory_size_mb AS saving_usd,
        row_number() OVER (
            ORDER BY cost_usd * (memory_size_mb - enough_mb) / memory_size_mb DESC, function_name, memory_size_mb
        ) AS place
    FROM sized
)
SELECT
    function_name,
    memory_size_mb,
    used_mb_max,
    round(used_mb_avg, 1) AS used_mb_avg,
    round(1e2 * (memory_size_mb - used_mb_max) / memory_size_mb, 1) AS never_used_pct,
    enough_mb,
    round(saving_usd, 6) AS saving_usd_at_most,
    invocations
FROM ranked
WHERE place <= :top
ORDER BY place
