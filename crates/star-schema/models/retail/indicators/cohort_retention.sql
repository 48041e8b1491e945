-- Of the customers whose first issued invoice in the star is of a month, how many in per cent had one
-- so many months later.
WITH active AS (
    SELECT customer_id, date_id / 10000 * 12 + date_id / 100 % 100 - 1 AS month_number
    FROM fact_sales
    WHERE status = 'issued' AND customer_id >= 0 AND date_id > 0
    GROUP BY customer_id, date_id / 10000 * 12 + date_id / 100 % 100 - 1
),
dated AS (
    SELECT month_number, MIN(month_number) OVER (PARTITION BY customer_id) AS cohort
    FROM active
),
counted AS (
    SELECT cohort, month_number - cohort AS months, COUNT(*) AS customers
    FROM dated
    GROUP BY cohort, month_number - cohort
)
SELECT
    CONCAT(
        CAST(cohort / 12 AS VARCHAR), '-', LPAD(CAST(cohort % 12 + 1 AS VARCHAR), 2, '0')
    ) AS first_purchase,
    CAST(months AS BIGINT) AS months_later,
    100.0 * customers / MAX(CASE WHEN months = 0 THEN customers END) OVER (PARTITION BY cohort)
        AS retention,
    customers
FROM counted
ORDER BY cohort, months
