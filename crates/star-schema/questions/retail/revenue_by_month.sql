-- Revenue by month
-- Issued sales of each month, from the daily sums.
SELECT d.year, d.month, sum(f.net_total) AS revenue, sum(f.quantity) AS quantity
FROM fact_sales_daily AS f
JOIN dim_date AS d ON d.date_id = f.date_id
GROUP BY d.year, d.month
ORDER BY d.year, d.month
