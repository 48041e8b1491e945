-- The ten products that bring the most revenue of issued invoices, and the ten that bring the least.
-- A product that was never sold brings nothing, and is among them.
WITH sold AS (
    SELECT product_id, SUM(net_total) AS revenue
    FROM fact_sales
    WHERE status = 'issued'
    GROUP BY product_id
),
placed AS (
    SELECT
        d.product_id,
        d.name,
        COALESCE(s.revenue, 0) AS revenue,
        ROW_NUMBER() OVER (ORDER BY COALESCE(s.revenue, 0) DESC, d.product_id) AS place,
        COUNT(*) OVER () AS products
    FROM products AS d
    LEFT JOIN sold AS s ON s.product_id = d.product_id
)
SELECT name AS product, revenue, place, product_id
FROM placed
WHERE place <= 10 OR place > products - 10
ORDER BY place
