-- Top products
-- The twenty products that bring the most revenue.
WITH sold AS (
    SELECT product_id, sum(net_total) AS revenue
    FROM fact_sales_daily
    GROUP BY product_id
)
SELECT p.product_id, p.name, s.revenue
FROM sold AS s
JOIN dim_product AS p ON p.product_id = s.product_id
ORDER BY s.revenue DESC, p.product_id
LIMIT 20
