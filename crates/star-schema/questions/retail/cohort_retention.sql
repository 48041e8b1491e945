-- Cohort retention
-- Customers by the month of their first purchase, and how many of them bought so many months later.
WITH active AS (
    SELECT customer_id, date_id / 10000 * 12 + date_id / 100 % 100 - 1 AS month_number
    FROM fact_sales
    WHERE status = 'issued' AND customer_id >= 0 AND date_id > 0
    GROUP BY customer_id, date_id / 10000 * 12 + date_id / 100 % 100 - 1
),
dated AS (
    SELECT month_number, min(month_number) OVER (PARTITION BY customer_id) AS cohort
    FROM active
)
SELECT cohort, month_number - cohort AS months_later, count(*) AS customers
FROM dated
GROUP BY cohort, month_number - cohort
ORDER BY cohort, month_number - cohort
