-- A customer is above the credit limit when the issued invoices of some month come to more than it. By
-- segment; customers that never bought count as such who are not.
WITH monthly AS (
    SELECT customer_id, date_id / 100 AS month_id, SUM(net_total) AS bought
    FROM fact_sales
    WHERE status = 'issued' AND customer_id >= 0 AND date_id > 0
    GROUP BY customer_id, date_id / 100
),
largest AS (
    SELECT customer_id, MAX(bought) AS largest_month
    FROM monthly
    GROUP BY customer_id
),
-- In numbers, as a condition that is null is no place for FILTER: the engine may count it.
judged AS (
    SELECT
        COALESCE(c.segment, 'unknown') AS segment,
        CASE WHEN l.largest_month > c.credit_limit THEN 1 ELSE 0 END AS above
    FROM dim_customer AS c
    LEFT JOIN largest AS l ON l.customer_id = c.customer_id
    WHERE c.customer_id >= 0
)
SELECT
    segment,
    100.0 * SUM(above) / COUNT(*) AS share_above,
    SUM(above) AS customers_above,
    COUNT(*) AS customers
FROM judged
GROUP BY segment
ORDER BY segment
