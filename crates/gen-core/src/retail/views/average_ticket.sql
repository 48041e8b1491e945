-- What an issued invoice comes to on average, to the cent.
SELECT
    CAST(SUM(net_total) / COUNT(*) AS DECIMAL(18, 2)) AS average_ticket,
    SUM(net_total) AS revenue,
    COUNT(*) AS invoices
FROM invoices
WHERE status = 'issued'
