-- A customer is above the credit limit when the issued invoices of some month come to more than it. By
-- segment; customers that never bought count as such who are not.
WITH monthly AS (
    SELECT customer_id, SUM(net_total) AS bought
    FROM invoices
    WHERE status = 'issued'
    GROUP BY customer_id, year, month
),
largest AS (
    SELECT customer_id, MAX(bought) AS largest_month
    FROM monthly
    GROUP BY customer_id
),
judged AS (
    SELECT
        c.segment,
        CASE WHEN l.largest_month > c.credit_limit THEN 1 ELSE 0 END AS above
    FROM customers AS c
    LEFT JOIN largest AS l ON l.customer_id = c.customer_id
)
SELECT
    segment,
    100e0 * SUM(above) / COUNT(*) AS share_above,
    SUM(above) AS customers_above,
    COUNT(*) AS customers
FROM judged
GROUP BY segment
ORDER BY segment
