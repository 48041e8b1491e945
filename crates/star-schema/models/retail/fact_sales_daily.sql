-- Issued sales by day, product, seller and state; cancelled and returned invoices are left out.
SELECT
    date_id, product_id, seller_id, state,
    COUNT(*) AS lines,
    SUM(quantity) AS quantity,
    CAST(SUM(line_total) AS DECIMAL(18, 2)) AS line_total,
    CAST(SUM(discount) AS DECIMAL(18, 2)) AS discount,
    CAST(SUM(tax) AS DECIMAL(18, 2)) AS tax,
    CAST(SUM(net_total) AS DECIMAL(18, 2)) AS net_total
FROM fact_sales
WHERE status = 'issued'
GROUP BY date_id, product_id, seller_id, state
