-- Revenue of issued invoices by month.
WITH sold AS (
    SELECT date_id / 100 AS month_id, SUM(net_total) AS revenue, SUM(quantity) AS quantity
    FROM fact_sales_daily
    GROUP BY date_id / 100
)
SELECT
    CASE
        WHEN month_id <= 0 THEN 'unknown'
        ELSE CONCAT(
            CAST(month_id / 100 AS VARCHAR), '-', LPAD(CAST(month_id % 100 AS VARCHAR), 2, '0')
        )
    END AS month,
    revenue,
    quantity
FROM sold
ORDER BY month_id
