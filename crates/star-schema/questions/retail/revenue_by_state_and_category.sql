-- Revenue by state and category
-- Issued sales of each category in each state.
SELECT f.state, p.category, sum(f.net_total) AS revenue
FROM fact_sales_daily AS f
JOIN dim_product AS p ON p.product_id = f.product_id
GROUP BY f.state, p.category
ORDER BY f.state, p.category
