-- Revenue of issued invoices by seller: the first thousand. The share is that of all sellers.
WITH sold AS (
    SELECT seller_id, SUM(net_total) AS revenue, SUM(quantity) AS quantity
    FROM fact_sales_daily
    GROUP BY seller_id
),
placed AS (
    SELECT
        seller_id,
        revenue,
        100.0 * CAST(revenue AS DOUBLE) / NULLIF(CAST(SUM(revenue) OVER () AS DOUBLE), 0) AS share,
        quantity
    FROM sold
    ORDER BY revenue DESC, seller_id
    LIMIT 1000
)
SELECT COALESCE(s.name, 'unknown') AS seller, s.region, p.revenue, p.share, p.quantity, p.seller_id
FROM placed AS p
LEFT JOIN dim_seller AS s ON s.seller_id = p.seller_id
ORDER BY p.revenue DESC, p.seller_id
