-- Hit rate by subject and grade in the first and in the second round, Diag and Form1 by the last word of
-- the test's name, and how many points it has changed. Nothing where a round is missing.
WITH summed AS (
    SELECT "DIS_NOME", "SER_NUMBER", "TES_NOME", SUM("ACERTO") AS right_answers,
        SUM("ACERTO" + "ERRO") AS answers
    FROM fato_resposta_aluno
    WHERE "ACERTO" + "ERRO" > 0
    GROUP BY "DIS_NOME", "SER_NUMBER", "TES_NOME"
),
compared AS (
    SELECT
        "DIS_NOME",
        "SER_NUMBER",
        100.0 * SUM(right_answers) FILTER (WHERE "TES_NOME" LIKE '%\_Diag')
            / SUM(answers) FILTER (WHERE "TES_NOME" LIKE '%\_Diag') AS diag,
        100.0 * SUM(right_answers) FILTER (WHERE "TES_NOME" LIKE '%\_Form1')
            / SUM(answers) FILTER (WHERE "TES_NOME" LIKE '%\_Form1') AS form1
    FROM summed
    GROUP BY "DIS_NOME", "SER_NUMBER"
)
SELECT
    CONCAT("DIS_NOME", ' ', CAST("SER_NUMBER" AS VARCHAR)) AS subject_and_grade,
    diag,
    form1,
    form1 - diag AS change
FROM compared
ORDER BY "DIS_NOME", "SER_NUMBER"
