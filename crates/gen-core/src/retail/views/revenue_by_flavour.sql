-- Revenue of issued invoices by the product's flavour.
WITH sold AS (
    SELECT product_id, SUM(net_total) AS revenue, SUM(quantity) AS quantity
    FROM fact_sales
    WHERE status = 'issued'
    GROUP BY product_id
),
summed AS (
    SELECT d.flavour, SUM(s.revenue) AS revenue, SUM(s.quantity) AS quantity
    FROM sold AS s
    JOIN products AS d ON d.product_id = s.product_id
    GROUP BY d.flavour
)
SELECT
    flavour,
    revenue,
    100e0 * revenue / NULLIF(SUM(revenue) OVER (), 0) AS share,
    quantity
FROM summed
ORDER BY revenue DESC, flavour
