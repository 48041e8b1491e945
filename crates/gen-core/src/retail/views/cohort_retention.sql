-- Of the customers whose first issued invoice is of a month, how many in per cent had one so many months
-- later.
WITH active AS (
    SELECT customer_id, year * 100 + month AS month_id, year * 12 + month AS month_number
    FROM invoices
    WHERE status = 'issued'
    GROUP BY customer_id, year, month
),
dated AS (
    SELECT
        MIN(month_id) OVER (PARTITION BY customer_id) AS cohort,
        month_number - MIN(month_number) OVER (PARTITION BY customer_id) AS months
    FROM active
),
counted AS (
    SELECT cohort, months, COUNT(*) AS customers
    FROM dated
    GROUP BY cohort, months
)
SELECT
    CONCAT(LEFT(CONCAT(cohort), 4), '-', RIGHT(CONCAT(cohort), 2)) AS first_purchase,
    months AS months_later,
    100e0 * customers / MAX(CASE WHEN months = 0 THEN customers END) OVER (PARTITION BY cohort)
        AS retention,
    customers
FROM counted
ORDER BY cohort, months
