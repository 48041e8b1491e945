-- Growth of revenue against the month before and against the same month of the year before, in per
-- cent. Nothing where that month is not in the data; a month that the data begin or end in is compared
-- as it stands.
WITH sold AS (
    SELECT
        date_id / 10000 * 12 + date_id / 100 % 100 - 1 AS month_number,
        SUM(net_total) AS revenue
    FROM fact_sales_daily
    WHERE date_id > 0
    GROUP BY date_id / 10000 * 12 + date_id / 100 % 100 - 1
),
-- Each month hands its revenue to itself, to the next month, and to the same month of the next year.
compared AS (
    SELECT
        s.month_number + l.later AS month_number,
        SUM(CASE WHEN l.later = 0 THEN s.revenue END) AS revenue,
        SUM(CASE WHEN l.later = 1 THEN s.revenue END) AS month_before,
        SUM(CASE WHEN l.later = 12 THEN s.revenue END) AS year_before
    FROM sold AS s
    CROSS JOIN (VALUES (0), (1), (12)) AS l (later)
    GROUP BY s.month_number + l.later
)
SELECT
    CONCAT(
        CAST(month_number / 12 AS VARCHAR), '-', LPAD(CAST(month_number % 12 + 1 AS VARCHAR), 2, '0')
    ) AS month,
    100.0 * CAST(revenue - month_before AS DOUBLE) / NULLIF(CAST(month_before AS DOUBLE), 0)
        AS month_over_month,
    100.0 * CAST(revenue - year_before AS DOUBLE) / NULLIF(CAST(year_before AS DOUBLE), 0)
        AS year_over_year
FROM compared
WHERE revenue IS NOT NULL
ORDER BY month_number
