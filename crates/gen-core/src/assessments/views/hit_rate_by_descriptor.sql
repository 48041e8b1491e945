-- Hit rate by descriptor, the hardest first; SEM_DESCRITOR where the source names none.
WITH summed AS (
    SELECT
        "MTI_CODIGO",
        SUM(CASE WHEN "DIS_NOME" <> 'Leitura' THEN COALESCE("ATR_CERTO", 0) END) AS right_answers,
        SUM(CASE WHEN "DIS_NOME" <> 'Leitura' THEN 1 END) AS answers,
        MAX("MTI_DESCRITOR") AS "MTI_DESCRITOR"
    FROM avaliacao
    GROUP BY "MTI_CODIGO"
)
SELECT
    COALESCE("MTI_CODIGO", 'SEM_DESCRITOR') AS "MTI_CODIGO",
    100e0 * right_answers / answers AS hit_rate,
    answers,
    "MTI_DESCRITOR"
FROM summed
WHERE answers > 0
ORDER BY 100e0 * right_answers / answers, COALESCE("MTI_CODIGO", 'SEM_DESCRITOR')
