-- Growth of revenue against the month before and against the same month of the year before, in per
-- cent. Nothing where that month is not in the data; a month that the data begin or end in is compared
-- as it stands.
WITH sold AS (
    SELECT
        year * 12 + month AS month_number,
        CONCAT(year, CASE WHEN month < 10 THEN '-0' ELSE '-' END, month) AS month,
        SUM(net_total) AS revenue
    FROM invoices
    WHERE status = 'issued'
    GROUP BY year, month
),
laters AS (
    SELECT 0 AS later UNION ALL SELECT 1 UNION ALL SELECT 12
),
-- Each month hands its revenue to itself, to the next month, and to the same month of the next year.
compared AS (
    SELECT
        s.month_number + l.later AS month_number,
        MAX(CASE WHEN l.later = 0 THEN s.month END) AS month,
        SUM(CASE WHEN l.later = 0 THEN s.revenue END) AS revenue,
        SUM(CASE WHEN l.later = 1 THEN s.revenue END) AS month_before,
        SUM(CASE WHEN l.later = 12 THEN s.revenue END) AS year_before
    FROM sold AS s
    CROSS JOIN laters AS l
    GROUP BY s.month_number + l.later
)
SELECT
    month,
    100e0 * (revenue - month_before) / NULLIF(month_before, 0) AS month_over_month,
    100e0 * (revenue - year_before) / NULLIF(year_before, 0) AS year_over_year
FROM compared
WHERE revenue IS NOT NULL
ORDER BY month_number
