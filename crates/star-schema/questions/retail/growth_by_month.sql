-- Growth by month
-- Revenue of each month beside that of the month before.
WITH sold AS (
    SELECT date_id / 100 AS month_id, sum(net_total) AS revenue
    FROM fact_sales_daily
    GROUP BY date_id / 100
)
SELECT month_id, revenue, revenue - lag(revenue) OVER (ORDER BY month_id) AS growth
FROM sold
ORDER BY month_id
