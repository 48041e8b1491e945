-- What an issued invoice comes to on average, to the cent. An invoice is counted by its line 1.
SELECT
    CAST(SUM(net_total) / COUNT(*) FILTER (WHERE line_number = 1) AS DECIMAL(18, 2)) AS average_ticket,
    SUM(net_total) AS revenue,
    COUNT(*) FILTER (WHERE line_number = 1) AS invoices
FROM fact_sales
WHERE status = 'issued'
