-- Answers by pupil, test and descriptor.
--   ACERTO, ERRO    right and wrong answers, as ATR_CERTO says whatever the answer is ('-', several
--                   letters); null counts as wrong. Leitura is neither right nor wrong: both are 0
--   NIVEL_LEITURA   the level of reading: the first answer that names one, by TEG_ORDEM, then the
--                   least; null for other subjects
--   NIVEL_NUMERICO  the same as 1 (nao_leitor) to 6 (fluente)
WITH resposta AS (
    SELECT
        "MUN_UF", "MUN_NOME", "ESC_INEP", "SER_NUMBER", "SER_NOME", "TUR_PERIODO", "TUR_NOME",
        "ALU_ID", "AVA_NOME", "AVA_ANO", "DIS_NOME", "TES_NOME", "TEG_ORDEM", "ATR_RESPOSTA",
        COALESCE("MTI_CODIGO", 'SEM_DESCRITOR') AS "MTI_CODIGO",
        CASE WHEN "DIS_NOME" = 'Leitura' THEN 0 ELSE COALESCE("ATR_CERTO", 0) END AS "ACERTO",
        CASE WHEN "DIS_NOME" = 'Leitura' THEN 0 ELSE 1 - COALESCE("ATR_CERTO", 0) END AS "ERRO",
        CASE
            WHEN "DIS_NOME" <> 'Leitura' THEN NULL
            WHEN "ATR_RESPOSTA" = 'nao_leitor' THEN 1
            WHEN "ATR_RESPOSTA" = 'silabas' THEN 2
            WHEN "ATR_RESPOSTA" = 'palavras' THEN 3
            WHEN "ATR_RESPOSTA" = 'frases' THEN 4
            WHEN "ATR_RESPOSTA" = 'nao_fluente' THEN 5
            WHEN "ATR_RESPOSTA" = 'fluente' THEN 6
        END AS "NIVEL"
    FROM avaliacao
)
SELECT
    "MUN_UF", "MUN_NOME", "ESC_INEP", "SER_NUMBER", "SER_NOME", "TUR_PERIODO", "TUR_NOME",
    "ALU_ID", "AVA_NOME", "AVA_ANO", "DIS_NOME", "TES_NOME", "MTI_CODIGO",
    SUM("ACERTO") AS "ACERTO",
    SUM("ERRO") AS "ERRO",
    FIRST_VALUE("ATR_RESPOSTA" ORDER BY "TEG_ORDEM", "ATR_RESPOSTA")
        FILTER (WHERE "NIVEL" IS NOT NULL) AS "NIVEL_LEITURA",
    FIRST_VALUE("NIVEL" ORDER BY "TEG_ORDEM", "ATR_RESPOSTA")
        FILTER (WHERE "NIVEL" IS NOT NULL) AS "NIVEL_NUMERICO"
FROM resposta
GROUP BY
    "MUN_UF", "MUN_NOME", "ESC_INEP", "SER_NUMBER", "SER_NOME", "TUR_PERIODO", "TUR_NOME",
    "ALU_ID", "AVA_NOME", "AVA_ANO", "DIS_NOME", "TES_NOME", "MTI_CODIGO"
