-- Hit rate by school; of its names and those of its municipality the greatest.
WITH summed AS (
    SELECT
        "ESC_INEP",
        SUM(CASE WHEN "DIS_NOME" <> 'Leitura' THEN COALESCE("ATR_CERTO", 0) END) AS right_answers,
        SUM(CASE WHEN "DIS_NOME" <> 'Leitura' THEN 1 END) AS answers,
        MAX("ESC_NOME") AS "ESC_NOME",
        MAX("MUN_NOME") AS "MUN_NOME"
    FROM avaliacao
    GROUP BY "ESC_INEP"
)
SELECT
    "ESC_NOME",
    100e0 * right_answers / answers AS hit_rate,
    answers,
    "MUN_NOME",
    "ESC_INEP"
FROM summed
WHERE answers > 0
ORDER BY 100e0 * right_answers / answers DESC, "ESC_INEP"
