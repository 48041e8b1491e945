-- Revenue of issued invoices by product: the first thousand. The share is that of all products.
WITH sold AS (
    SELECT product_id, SUM(net_total) AS revenue, SUM(quantity) AS quantity
    FROM fact_sales_daily
    GROUP BY product_id
),
placed AS (
    SELECT
        product_id,
        revenue,
        100.0 * CAST(revenue AS DOUBLE) / NULLIF(CAST(SUM(revenue) OVER () AS DOUBLE), 0) AS share,
        quantity
    FROM sold
    ORDER BY revenue DESC, product_id
    LIMIT 1000
)
SELECT COALESCE(d.name, 'unknown') AS product, p.revenue, p.share, p.quantity, p.product_id
FROM placed AS p
LEFT JOIN dim_product AS d ON d.product_id = p.product_id
ORDER BY p.revenue DESC, p.product_id
