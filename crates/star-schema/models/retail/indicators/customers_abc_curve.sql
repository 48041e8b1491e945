-- What share of revenue the first 5 %, 10 %, ... of customers bring together, those that bring the most
-- first. Revenue of issued invoices; customers without one are left out.
WITH bought AS (
    SELECT customer_id, CAST(SUM(net_total) AS DECIMAL(24, 2)) AS revenue
    FROM fact_sales
    WHERE status = 'issued' AND customer_id >= 0
    GROUP BY customer_id
),
running AS (
    SELECT
        CAST(ROW_NUMBER() OVER (ORDER BY revenue DESC, customer_id) AS BIGINT) AS place,
        COUNT(*) OVER () AS customers,
        SUM(revenue) OVER (
            ORDER BY revenue DESC, customer_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS together,
        SUM(revenue) OVER () AS whole
    FROM bought
),
stepped AS (
    SELECT (place * 20 + customers - 1) / customers * 5 AS step, place, together, whole
    FROM running
)
SELECT
    step AS first_customers,
    100.0 * CAST(MAX(together) AS DOUBLE) / NULLIF(CAST(MAX(whole) AS DOUBLE), 0) AS share_of_revenue,
    MAX(place) AS customers
FROM stepped
GROUP BY step
ORDER BY step
