-- Commission of sellers: revenue of issued invoices times the seller's rate, to the cent. The first
-- thousand.
WITH sold AS (
    SELECT seller_id, SUM(net_total) AS revenue
    FROM invoices
    WHERE status = 'issued'
    GROUP BY seller_id
)
SELECT
    d.name AS seller,
    CAST(s.revenue * d.commission_rate AS DECIMAL(18, 2)) AS commission,
    100e0 * d.commission_rate AS rate,
    s.revenue,
    d.seller_id
FROM sold AS s
JOIN sellers AS d ON d.seller_id = s.seller_id
ORDER BY s.revenue * d.commission_rate DESC, d.seller_id
LIMIT 1000
