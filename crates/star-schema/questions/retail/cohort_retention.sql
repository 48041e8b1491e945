-- Cohort retention
-- Customers by the month of their first purchase, and how many of them bought so many months later.
WITH active AS (
    SELECT customer_id, date_id / 10000 * 12 + date_id / 100 % 100 - 1 AS month_number
    FROM fact_sales
    WHERE status = 'issued' AND customer_id >= 0 AND date_id > 0
    GROUP BY customer_id, date_id / 10000 * 12 + date_id / 100 % 100 - 1
),
begun AS (
    SELECT customer_id, min(month_number) AS cohort
    FROM active
    GROUP BY customer_id
)
SELECT b.cohort, a.month_number - b.cohort AS months_later, count(*) AS customers
FROM active AS a
JOIN begun AS b ON b.customer_id = a.customer_id
GROUP BY b.cohort, a.month_number - b.cohort
ORDER BY b.cohort, a.month_number - b.cohort
