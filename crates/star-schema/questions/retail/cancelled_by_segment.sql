-- Cancelled and returned by segment
-- Lines of cancelled, returned and issued invoices, by segment of the customers.
SELECT c.segment, f.status, count(*) AS lines, sum(f.net_total) AS net_total
FROM fact_sales AS f
JOIN dim_customer AS c ON c.customer_id = f.customer_id
GROUP BY c.segment, f.status
ORDER BY c.segment, f.status
