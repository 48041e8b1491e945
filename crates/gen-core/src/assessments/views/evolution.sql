-- Hit rate by subject and grade in the first and in the second round, Diag and Form1 by the last word of
-- the test's name, and how many points it has changed. Nothing where a round is missing.
WITH summed AS (
    SELECT
        "DIS_NOME", "SER_NUMBER", "TES_NOME",
        SUM(COALESCE("ATR_CERTO", 0)) AS right_answers,
        COUNT(*) AS answers
    FROM avaliacao
    WHERE "DIS_NOME" <> 'Leitura'
    GROUP BY "DIS_NOME", "SER_NUMBER", "TES_NOME"
),
compared AS (
    SELECT
        "DIS_NOME",
        "SER_NUMBER",
        100e0 * SUM(CASE WHEN RIGHT("TES_NOME", 5) = '_Diag' THEN right_answers END)
            / SUM(CASE WHEN RIGHT("TES_NOME", 5) = '_Diag' THEN answers END) AS diag,
        100e0 * SUM(CASE WHEN RIGHT("TES_NOME", 6) = '_Form1' THEN right_answers END)
            / SUM(CASE WHEN RIGHT("TES_NOME", 6) = '_Form1' THEN answers END) AS form1
    FROM summed
    GROUP BY "DIS_NOME", "SER_NUMBER"
)
SELECT
    CONCAT("DIS_NOME", ' ', "SER_NUMBER") AS subject_and_grade,
    diag,
    form1,
    form1 - diag AS "change"
FROM compared
ORDER BY "DIS_NOME", "SER_NUMBER"
