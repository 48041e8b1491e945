-- Revenue of issued invoices by the product's category.
WITH sold AS (
    SELECT product_id, SUM(net_total) AS revenue, SUM(quantity) AS quantity
    FROM fact_sales_daily
    GROUP BY product_id
),
summed AS (
    SELECT
        COALESCE(d.category, 'unknown') AS category,
        SUM(s.revenue) AS revenue,
        SUM(s.quantity) AS quantity
    FROM sold AS s
    LEFT JOIN dim_product AS d ON d.product_id = s.product_id
    GROUP BY COALESCE(d.category, 'unknown')
)
SELECT
    category,
    revenue,
    100.0 * CAST(revenue AS DOUBLE) / NULLIF(CAST(SUM(revenue) OVER () AS DOUBLE), 0) AS share,
    quantity
FROM summed
ORDER BY revenue DESC, category
