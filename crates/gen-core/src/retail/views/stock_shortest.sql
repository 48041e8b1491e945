-- The thirty products whose stock lasts the shortest: units in all warehouses, as the snapshot has them,
-- over the units that issued invoices sold a day, from the first to the last day with sales. Products
-- that were never sold are left out.
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
)
SELECT
    p.name AS product,
    1e0 * k.stock * d.days / s.sold AS days_of_cover,
    k.stock,
    1e0 * s.sold / d.days AS sold_a_day,
    p.product_id
FROM stocked AS k
JOIN sold AS s ON s.product_id = k.product_id
JOIN products AS p ON p.product_id = k.product_id
CROSS JOIN days AS d
WHERE s.sold > 0
ORDER BY 1e0 * k.stock / s.sold, p.product_id
LIMIT 30
