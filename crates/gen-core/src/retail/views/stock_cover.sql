-- Stock cover in days by category: units in all warehouses, as the snapshot has them, over the units
-- that issued invoices sold a day, from the first to the last day with sales.
WITH sold AS (
    SELECT l.product_id, SUM(l.quantity) AS sold
    FROM invoices AS i
    JOIN invoice_items AS l ON l.invoice_id = i.invoice_id
    WHERE i.status = 'issued'
    GROUP BY l.product_id
),
stocked AS (
    SELECT product_id, SUM(quantity) AS stock
    FROM stock
    GROUP BY product_id
),
period AS (
    SELECT
        MIN(year * 10000 + month * 100 + day) AS first_day,
        MAX(year * 10000 + month * 100 + day) AS last_day
    FROM invoices
    WHERE status = 'issued'
),
days AS (
    SELECT COUNT(*) AS days
    FROM dim_date AS d
    JOIN period AS p ON d.date_id BETWEEN p.first_day AND p.last_day
),
summed AS (
    SELECT p.category, SUM(k.stock) AS stock, COALESCE(SUM(s.sold), 0) AS sold
    FROM stocked AS k
    JOIN products AS p ON p.product_id = k.product_id
    LEFT JOIN sold AS s ON s.product_id = k.product_id
    GROUP BY p.category
)
SELECT
    s.category,
    1e0 * s.stock * d.days / NULLIF(s.sold, 0) AS days_of_cover,
    s.stock,
    1e0 * s.sold / d.days AS sold_a_day
FROM summed AS s
CROSS JOIN days AS d
ORDER BY s.category
