-- Seller commission
-- What each seller earns: revenue times rate.
WITH sold AS (
    SELECT seller_id, sum(net_total) AS revenue
    FROM fact_sales_daily
    GROUP BY seller_id
)
SELECT d.seller_id, d.name, s.revenue, s.revenue * d.commission_rate AS commission
FROM sold AS s
JOIN dim_seller AS d ON d.seller_id = s.seller_id
ORDER BY d.seller_id
