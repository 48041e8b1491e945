-- Of the customers whose first issued invoice in the star is of a month, how many in per cent had one
-- so many months later.
WITH active AS (
    SELECT customer_id, date_id / 100 AS month_id
    FROM fact_sales
    WHERE status = 'issued' AND customer_id >= 0 AND date_id > 0
    GROUP BY customer_id, date_id / 100
),
dated AS (
    SELECT month_id, MIN(month_id) OVER (PARTITION BY customer_id) AS cohort
    FROM active
),
together AS (
    SELECT cohort, month_id, COUNT(*) AS customers
    FROM dated
    GROUP BY cohort, month_id
),
counted AS (
    SELECT
        cohort,
        month_id / 100 * 12 + month_id % 100 - cohort / 100 * 12 - cohort % 100 AS months,
        customers
    FROM together
)
SELECT
    CONCAT(
        CAST(cohort / 100 AS VARCHAR), '-', LPAD(CAST(cohort % 100 AS VARCHAR), 2, '0')
    ) AS first_purchase,
    CAST(months AS BIGINT) AS months_later,
    100.0 * customers / MAX(CASE WHEN months = 0 THEN customers END) OVER (PARTITION BY cohort)
        AS retention,
    customers
FROM counted
ORDER BY cohort, months
