-- question: Which functions start cold?
-- needs: nothing to change: Lambda writes a REPORT line for every invocation
-- param: top=50 at most so many functions
WITH functions AS (
    SELECT
        function_name,
        count(*) AS invocations,
        count_if(cold_start) AS cold_starts,
        approx_percentile(coalesce(init_duration_ms, restore_duration_ms), 0.5e0) AS p50_ms,
        max(coalesce(init_duration_ms, restore_duration_ms)) AS longest_ms,
        sum(coalesce(init_duration_ms, restore_duration_ms)) AS waited_ms,
        row_number() OVER (ORDER BY count_if(cold_start) DESC, function_name) AS place
    FROM invocations
    WHERE hour BETWEEN :from_hour AND :to_hour
        AND time >= CAST(:from_time AS timestamp) AND time < CAST(:to_time AS timestamp)
        AND status IS NOT NULL
    GROUP BY function_name
)
SELECT
    function_name,
    invocations,
    cold_starts,
    round(1e2 * cold_starts / invocations, 2) AS cold_pct,
    round(p50_ms, 1) AS init_p50_ms,
    round(longest_ms, 1) AS init_max_ms,
    round(waited_ms / 1e3, 1) AS waited_s
FROM functions
WHERE place <= :top
ORDER BY place
