-- Every day of the calendar; date_id is the date as a number, 20230131.
SELECT
    year * 10000 + month * 100 + day AS date_id,
    date, year, quarter, month, day, weekday, day_of_year,
    weekday >= 6 AS is_weekend,
    is_holiday
FROM calendar
