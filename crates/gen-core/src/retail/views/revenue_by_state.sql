-- Revenue of issued invoices by the customer's state.
WITH sold AS (
    SELECT state, SUM(net_total) AS revenue
    FROM invoices
    WHERE status = 'issued'
    GROUP BY state
),
units AS (
    SELECT i.state, SUM(l.quantity) AS quantity
    FROM invoices AS i
    JOIN invoice_items AS l ON l.invoice_id = i.invoice_id
    WHERE i.status = 'issued'
    GROUP BY i.state
)
SELECT
    s.state,
    s.revenue,
    100e0 * s.revenue / NULLIF(SUM(s.revenue) OVER (), 0) AS share,
    u.quantity
FROM sold AS s
JOIN units AS u ON u.state = s.state
ORDER BY s.revenue DESC, s.state
