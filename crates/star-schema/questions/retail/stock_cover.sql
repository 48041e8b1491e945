-- Stock cover
-- Units in all warehouses beside those that were sold, by category.
WITH sold AS (
    SELECT product_id, sum(quantity) AS sold
    FROM fact_sales_daily
    GROUP BY product_id
),
stocked AS (
    SELECT product_id, sum(quantity) AS stock
    FROM fact_stock
    GROUP BY product_id
)
SELECT p.category, sum(k.stock) AS stock, sum(s.sold) AS sold
FROM stocked AS k
JOIN dim_product AS p ON p.product_id = k.product_id
LEFT JOIN sold AS s ON s.product_id = k.product_id
GROUP BY p.category
ORDER BY p.category
