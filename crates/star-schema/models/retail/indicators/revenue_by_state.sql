-- Revenue of issued invoices by the customer's state.
WITH sold AS (
    SELECT COALESCE(state, 'unknown') AS state, SUM(net_total) AS revenue, SUM(quantity) AS quantity
    FROM fact_sales_daily
    GROUP BY COALESCE(state, 'unknown')
)
SELECT
    state,
    revenue,
    100.0 * CAST(revenue AS DOUBLE) / NULLIF(CAST(SUM(revenue) OVER () AS DOUBLE), 0) AS share,
    quantity
FROM sold
ORDER BY revenue DESC, state
