-- Revenue of issued invoices by seller: the first thousand. The share is that of all sellers.
WITH sold AS (
    SELECT seller_id, SUM(net_total) AS revenue
    FROM invoices
    WHERE status = 'issued'
    GROUP BY seller_id
),
units AS (
    SELECT i.seller_id, SUM(l.quantity) AS quantity
    FROM invoices AS i
    JOIN invoice_items AS l ON l.invoice_id = i.invoice_id
    WHERE i.status = 'issued'
    GROUP BY i.seller_id
),
placed AS (
    SELECT
        s.seller_id,
        s.revenue,
        100e0 * s.revenue / NULLIF(SUM(s.revenue) OVER (), 0) AS share,
        u.quantity
    FROM sold AS s
    JOIN units AS u ON u.seller_id = s.seller_id
    ORDER BY s.revenue DESC, s.seller_id
    LIMIT 1000
)
SELECT d.name AS seller, d.region, p.revenue, p.share, p.quantity, p.seller_id
FROM placed AS p
JOIN sellers AS d ON d.seller_id = p.seller_id
ORDER BY p.revenue DESC, p.seller_id
