-- Stock cover in days by category: units in all warehouses, as the snapshot has them, over the units
-- that issued invoices sold a day, from the first to the last day with sales.
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
),
summed AS (
    SELECT
        COALESCE(p.category, 'unknown') AS category,
        SUM(k.stock) AS stock,
        COALESCE(SUM(s.sold), 0) AS sold
    FROM stocked AS k
    LEFT JOIN dim_product AS p ON p.product_id = k.product_id
    LEFT JOIN sold AS s ON s.product_id = k.product_id
    GROUP BY COALESCE(p.category, 'unknown')
)
SELECT
    category,
    CAST(stock * days AS DOUBLE) / NULLIF(sold, 0) AS days_of_cover,
    stock,
    CAST(sold AS DOUBLE) / days AS sold_a_day
FROM summed
CROSS JOIN days
ORDER BY category
