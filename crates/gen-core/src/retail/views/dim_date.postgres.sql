-- Every day from 2020 to 2039, with weekends and the national holidays of Brazil; date_id is the date as
-- a number, 20230131. Weekdays are those of ISO 8601: 1 is Monday. -1 is an unknown day.
-- Easter by the rule of Gauss, whose exceptions are not in these years.
WITH days AS (
    SELECT
        CAST(moment AS date) AS date,
        CAST(date_part('year', moment) AS integer) AS year,
        CAST(date_part('quarter', moment) AS integer) AS quarter,
        CAST(date_part('month', moment) AS integer) AS month,
        CAST(date_part('day', moment) AS integer) AS day,
        CAST(date_part('isodow', moment) AS integer) AS weekday,
        CAST(date_part('doy', moment) AS integer) AS day_of_year
    FROM generate_series(
        TIMESTAMP '2020-01-01', TIMESTAMP '2039-12-31', INTERVAL '1 day'
    ) AS series (moment)
),
moons AS (
    SELECT days.*, (19 * (year % 19) + 24) % 30 AS moon
    FROM days
),
easters AS (
    SELECT
        moons.*,
        date - make_date(year, 3, 22) - moon
            - (2 * (year % 4) + 4 * (year % 7) + 6 * moon + 5) % 7 AS after_easter
    FROM moons
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
