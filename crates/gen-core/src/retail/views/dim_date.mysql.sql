-- Every day from 2020 to 2039, with weekends and the national holidays of Brazil; date_id is the date as
-- a number, 20230131. Weekdays are those of ISO 8601: 1 is Monday. -1 is an unknown day.
-- Easter by the rule of Gauss, whose exceptions are not in these years. Days are counted by their digits:
-- a recursion may be cut short by the server's settings.
WITH digits AS (
    SELECT 0 AS digit UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
    UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
),
counted AS (
    SELECT
        DATE '2020-01-01'
            + INTERVAL (a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit) DAY AS date
    FROM digits AS a
    CROSS JOIN digits AS b
    CROSS JOIN digits AS c
    CROSS JOIN digits AS d
    WHERE a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit < 7305
),
days AS (
    SELECT
        date,
        YEAR(date) AS year,
        QUARTER(date) AS quarter,
        MONTH(date) AS month,
        DAYOFMONTH(date) AS day,
        WEEKDAY(date) + 1 AS weekday,
        DAYOFYEAR(date) AS day_of_year,
        (19 * (YEAR(date) % 19) + 24) % 30 AS moon
    FROM counted
),
easters AS (
    SELECT
        days.*,
        DATEDIFF(date, CONCAT(year, '-03-22')) - moon
            - (2 * (year % 4) + 4 * (year % 7) + 6 * moon + 5) % 7 AS after_easter
    FROM days
)
SELECT
    year * 10000 + month * 100 + day AS date_id,
    date, year, quarter, month, day, weekday, day_of_year,
    weekday >= 6 AS is_weekend,
    month * 100 + day IN (101, 421, 501, 907, 1012, 1102, 1115, 1225)
        OR (year >= 2024 AND month * 100 + day = 1120)
        OR after_easter IN (-48, -47, -2, 60) AS is_holiday
FROM easters
UNION ALL
SELECT -1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
