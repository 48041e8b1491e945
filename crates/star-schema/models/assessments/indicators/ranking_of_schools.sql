-- Schools by hit rate, those with at least 10 pupils and 100 answers that are right or wrong; equal ones
-- share a place. Pupils are counted through one row a school and pupil: no set of distinct values is
-- held.
WITH by_pupil AS (
    SELECT "ESC_INEP", "ALU_ID", SUM("ACERTO") AS right_answers, SUM("ACERTO" + "ERRO") AS answers
    FROM fato_resposta_aluno
    WHERE "ACERTO" + "ERRO" > 0
    GROUP BY "ESC_INEP", "ALU_ID"
),
by_school AS (
    SELECT
        "ESC_INEP",
        100.0 * SUM(right_answers) / SUM(answers) AS hit_rate,
        COUNT(*) AS pupils,
        SUM(answers) AS answers
    FROM by_pupil
    GROUP BY "ESC_INEP"
    HAVING COUNT(*) >= 10 AND SUM(answers) >= 100
)
SELECT
    COALESCE(e."ESC_NOME", s."ESC_INEP") AS "ESC_NOME",
    CAST(RANK() OVER (ORDER BY s.hit_rate DESC) AS BIGINT) AS place,
    s.hit_rate,
    s.pupils,
    s.answers,
    e."MUN_NOME",
    s."ESC_INEP"
FROM by_school AS s
LEFT JOIN dim_escola AS e ON e."ESC_INEP" = s."ESC_INEP"
ORDER BY s.hit_rate DESC, s."ESC_INEP"
