-- Revenue of issued invoices by product: the first thousand. The share is that of all products.
WITH sold AS (
    SELECT product_id, SUM(net_total) AS revenue, SUM(quantity) AS quantity
    FROM fact_sales
    WHERE status = 'issued'
    GROUP BY product_id
),
placed AS (
    SELECT
        product_id,
        revenue,
        100e0 * revenue / NULLIF(SUM(revenue) OVER (), 0) AS share,
        quantity
    FROM sold
    ORDER BY revenue DESC, product_id
    LIMIT 1000
)
SELECT d.name AS product, p.revenue, p.share, p.quantity, p.product_id
FROM placed AS p
JOIN products AS d ON d.product_id = p.product_id
ORDER BY p.revenue DESC, p.product_id
