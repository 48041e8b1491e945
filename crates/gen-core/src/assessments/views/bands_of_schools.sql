-- Schools by band of their hit rate, of those with at least 10 pupils and 100 answers that are right or
-- wrong: 70 per cent or more, 50 to below 70, below 50.
WITH by_pupil AS (
    SELECT "ESC_INEP", "ALU_ID", SUM(COALESCE("ATR_CERTO", 0)) AS right_answers, COUNT(*) AS answers
    FROM avaliacao
    WHERE "DIS_NOME" <> 'Leitura'
    GROUP BY "ESC_INEP", "ALU_ID"
),
by_school AS (
    SELECT "ESC_INEP", SUM(right_answers) AS right_answers, SUM(answers) AS answers
    FROM by_pupil
    GROUP BY "ESC_INEP"
    HAVING COUNT(*) >= 10 AND SUM(answers) >= 100
),
banded AS (
    SELECT
        CASE
            WHEN right_answers * 100 >= answers * 70 THEN '70 or more'
            WHEN right_answers * 100 >= answers * 50 THEN '50 to 69'
            ELSE 'below 50'
        END AS band
    FROM by_school
),
counted AS (
    SELECT band, COUNT(*) AS schools
    FROM banded
    GROUP BY band
)
SELECT band, 100e0 * schools / SUM(schools) OVER () AS share, schools
FROM counted
ORDER BY CASE band WHEN '70 or more' THEN 1 WHEN '50 to 69' THEN 2 ELSE 3 END
