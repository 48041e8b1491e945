-- Schools by hit rate, those with at least 10 pupils and 100 answers that are right or wrong; equal ones
-- share a place. Rates are rounded far behind what counts, so that equal ones are equal.
WITH by_pupil AS (
    SELECT "ESC_INEP", "ALU_ID", SUM(COALESCE("ATR_CERTO", 0)) AS right_answers, COUNT(*) AS answers
    FROM avaliacao
    WHERE "DIS_NOME" <> 'Leitura'
    GROUP BY "ESC_INEP", "ALU_ID"
),
by_school AS (
    SELECT "ESC_INEP", SUM(right_answers) AS right_answers, SUM(answers) AS answers, COUNT(*) AS pupils
    FROM by_pupil
    GROUP BY "ESC_INEP"
    HAVING COUNT(*) >= 10 AND SUM(answers) >= 100
),
named AS (
    SELECT "ESC_INEP", MAX("ESC_NOME") AS "ESC_NOME", MAX("MUN_NOME") AS "MUN_NOME"
    FROM avaliacao
    GROUP BY "ESC_INEP"
),
rated AS (
    SELECT
        "ESC_INEP", pupils, answers,
        ROUND(100e0 * right_answers / answers, 10) AS hit_rate
    FROM by_school
)
SELECT
    n."ESC_NOME",
    RANK() OVER (ORDER BY r.hit_rate DESC) AS place,
    r.hit_rate,
    r.pupils,
    r.answers,
    n."MUN_NOME",
    r."ESC_INEP"
FROM rated AS r
JOIN named AS n ON n."ESC_INEP" = r."ESC_INEP"
ORDER BY r.hit_rate DESC, r."ESC_INEP"
