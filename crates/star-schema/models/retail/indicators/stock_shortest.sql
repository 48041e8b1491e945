-- The thirty products whose stock lasts the shortest: units in all warehouses, as the snapshot has them,
-- over the units that issued invoices sold a day, from the first to the last day with sales. Products
-- that were never sold are left out.
WITH sold AS (
    SELECT product_id, SUM(quantity) AS sold
    FROM fact_sales_daily
    GROUP BY product_id
),
stocked AS (
    SELECT product_id, SUM(quantity) AS stock
    FROM fact_stock
    GROUP BY product_id
),
period AS (
    SELECT MIN(date_id) AS first_day, MAX(date_id) AS last_day
    FROM fact_sales_daily
    WHERE date_id > 0
),
days AS (
    SELECT COUNT(*) AS days
    FROM dim_date AS d
    CROSS JOIN period AS p
    WHERE d.date_id BETWEEN p.first_day AND p.last_day
)
SELECT
    p.name AS product,
    CAST(k.stock * days AS DOUBLE) / s.sold AS days_of_cover,
    k.stock,
    CAST(s.sold AS DOUBLE) / days AS sold_a_day,
    p.product_id
FROM stocked AS k
JOIN sold AS s ON s.product_id = k.product_id
JOIN dim_product AS p ON p.product_id = k.product_id
CROSS JOIN days
WHERE s.sold > 0
ORDER BY CAST(k.stock * days AS DOUBLE) / s.sold, p.product_id
LIMIT 30
