-- Average ticket by payment
-- Issued invoices, counted once each, and their revenue, by way to pay.
SELECT
    p.payment_method,
    count(DISTINCT f.invoice_id) AS invoices,
    sum(f.net_total) AS revenue,
    sum(f.net_total) / count(DISTINCT f.invoice_id) AS average_ticket
FROM fact_sales AS f
JOIN dim_payment AS p ON p.payment_id = f.payment_id
WHERE f.status = 'issued'
GROUP BY p.payment_method
ORDER BY p.payment_method
