-- question: What do invocations cost?
-- needs: nothing to change: Lambda writes a REPORT line for every invocation
-- param: top=50 at most so many functions
WITH functions AS (
    SELECT
        function_name, memory_size_mb,
        count(*) AS invocations,
        sum(cost_usd) AS cost_usd,
        sum(billed_duration_ms) AS billed_ms,
        sum(sum(cost_usd)) OVER () AS all_usd,
        row_number() OVER (ORDER BY sum(cost_usd) DESC, function_name, memory_size_mb) AS place
    FROM invocations
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND status IS NOT NULL
    GROUP BY function_name, memory_size_mb
)
SELECT
    function_name,
    memory_size_mb,
    invocations,
    round(cost_usd, 6) AS cost_usd,
    round(1e2 * cost_usd / nullif(all_usd, 0e0), 1) AS share_pct,
    round(1e6 * cost_usd / invocations, 2) AS usd_per_million,
    round(billed_ms / invocations, 1) AS billed_ms_each,
    round(billed_ms / 1e3 * memory_size_mb / 1024e0, 1) AS gb_seconds
FROM functions
WHERE place <= :top
ORDER BY place
