-- Issued sales by day, product, seller and state; cancelled and returned invoices are left out.
SELECT
    date_id, product_id, seller_id, state,
    COUNT(*) AS "lines",
    SUM(quantity) AS quantity,
    SUM(line_total) AS line_total,
    SUM(discount) AS discount,
    SUM(tax) AS tax,
    SUM(net_total) AS net_total
FROM fact_sales
WHERE status = 'issued'
GROUP BY date_id, product_id, seller_id, state
