-- Revenue of issued invoices by month.
WITH sold AS (
    SELECT year, month, SUM(net_total) AS revenue
    FROM invoices
    WHERE status = 'issued'
    GROUP BY year, month
),
units AS (
    SELECT i.year, i.month, SUM(l.quantity) AS quantity
    FROM invoices AS i
    JOIN invoice_items AS l ON l.invoice_id = i.invoice_id
    WHERE i.status = 'issued'
    GROUP BY i.year, i.month
)
SELECT
    CONCAT(s.year, CASE WHEN s.month < 10 THEN '-0' ELSE '-' END, s.month) AS month,
    s.revenue,
    u.quantity
FROM sold AS s
JOIN units AS u ON u.year = s.year AND u.month = s.month
ORDER BY s.year, s.month
