-- A customer is above the credit limit when the issued invoices of some month come to more than it. By
-- segment; customers that never bought count as such who are not.
WITH monthly AS (
    SELECT customer_id, date_id / 100 AS month_id, SUM(net_total) AS bought
    FROM fact_sales
    WHERE status = 'issued' AND customer_id >= 0
    GROUP BY customer_id, date_id / 100
),
largest AS (
    SELECT customer_id, MAX(bought) AS largest_month
    FROM monthly
    GROUP BY customer_id
)
SELECT
    COALESCE(c.segment, 'unknown') AS segment,
    100.0 * COUNT(*) FILTER (WHERE l.largest_month > c.credit_limit) / COUNT(*) AS share_above,
    COUNT(*) FILTER (WHERE l.largest_month > c.credit_limit) AS customers_above,
    COUNT(*) AS customers
FROM dim_customer AS c
LEFT JOIN largest AS l ON l.customer_id = c.customer_id
WHERE c.customer_id >= 0
GROUP BY COALESCE(c.segment, 'unknown')
ORDER BY COALESCE(c.segment, 'unknown')
