-- Customers by ABC class
-- Customers that bring the first 80 % of revenue, the next 15 %, the rest.
WITH bought AS (
    SELECT customer_id, CAST(sum(net_total) AS DECIMAL(24, 2)) AS revenue
    FROM fact_sales
    WHERE status = 'issued' AND customer_id >= 0
    GROUP BY customer_id
),
running AS (
    SELECT
        revenue,
        sum(revenue) OVER (
            ORDER BY revenue DESC, customer_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) - revenue AS before,
        sum(revenue) OVER () AS whole
    FROM bought
),
classed AS (
    SELECT
        revenue,
        CASE
            WHEN before * 100 < whole * 80 THEN 'A'
            WHEN before * 100 < whole * 95 THEN 'B'
            ELSE 'C'
        END AS class
    FROM running
)
SELECT class, count(*) AS customers, sum(revenue) AS revenue
FROM classed
GROUP BY class
ORDER BY class
