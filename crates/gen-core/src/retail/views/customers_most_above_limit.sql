-- A customer is above the credit limit when the issued invoices of some month come to more than it. The
-- fifty whose largest month is the farthest above.
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
)
SELECT
    c.name AS customer,
    l.largest_month - c.credit_limit AS above,
    c.credit_limit,
    l.largest_month,
    c.segment,
    c.state,
    c.customer_id
FROM largest AS l
JOIN customers AS c ON c.customer_id = l.customer_id
WHERE l.largest_month > c.credit_limit
ORDER BY l.largest_month - c.credit_limit DESC, c.customer_id
LIMIT 50
