-- Answers by pupil, test and descriptor.
--   ACERTO, ERRO    right and wrong answers, as ATR_CERTO says whatever the answer is ('-', several
--                   letters); null counts as wrong. Leitura is neither right nor wrong: both are 0
--   NIVEL_LEITURA   the level of reading: the first answer that names one, by TEG_ORDEM, then the
--                   least; null for other subjects
--   NIVEL_NUMERICO  the same as 1 (nao_leitor) to 6 (fluente)
-- "PRIMEIRA" is one number for order and answer, the answers' places in the alphabet in its last digit
-- of eight.
WITH resposta AS (
    SELECT
        "MUN_UF", "MUN_NOME", "ESC_INEP", "SER_NUMBER", "SER_NOME", "TUR_PERIODO", "TUR_NOME",
        "ALU_ID", "AVA_NOME", "AVA_ANO", "DIS_NOME", "TES_NOME",
        COALESCE("MTI_CODIGO", 'SEM_DESCRITOR') AS "MTI_CODIGO",
        CASE WHEN "DIS_NOME" = 'Leitura' THEN 0 ELSE COALESCE("ATR_CERTO", 0) END AS "ACERTO",
        CASE WHEN "DIS_NOME" = 'Leitura' THEN 0 ELSE 1 - COALESCE("ATR_CERTO", 0) END AS "ERRO",
        COALESCE("TEG_ORDEM", 99999999) * 8
        + CASE
            WHEN "DIS_NOME" <> 'Leitura' THEN NULL
            WHEN "ATR_RESPOSTA" = 'fluente' THEN 1
            WHEN "ATR_RESPOSTA" = 'frases' THEN 2
            WHEN "ATR_RESPOSTA" = 'nao_fluente' THEN 3
            WHEN "ATR_RESPOSTA" = 'nao_leitor' THEN 4
            WHEN "ATR_RESPOSTA" = 'palavras' THEN 5
            WHEN "ATR_RESPOSTA" = 'silabas' THEN 6
        END AS "PRIMEIRA"
    FROM avaliacao
)
SELECT
    "MUN_UF", "MUN_NOME", "ESC_INEP", "SER_NUMBER", "SER_NOME", "TUR_PERIODO", "TUR_NOME",
    "ALU_ID", "AVA_NOME", "AVA_ANO", "DIS_NOME", "TES_NOME", "MTI_CODIGO",
    SUM("ACERTO") AS "ACERTO",
    SUM("ERRO") AS "ERRO",
    CASE MIN("PRIMEIRA") % 8
        WHEN 1 THEN 'fluente'
        WHEN 2 THEN 'frases'
        WHEN 3 THEN 'nao_fluente'
        WHEN 4 THEN 'nao_leitor'
        WHEN 5 THEN 'palavras'
        WHEN 6 THEN 'silabas'
    END AS "NIVEL_LEITURA",
    CASE MIN("PRIMEIRA") % 8
        WHEN 1 THEN 6
        WHEN 2 THEN 4
        WHEN 3 THEN 5
        WHEN 4 THEN 1
        WHEN 5 THEN 3
        WHEN 6 THEN 2
    END AS "NIVEL_NUMERICO"
FROM resposta
GROUP BY
    "MUN_UF", "MUN_NOME", "ESC_INEP", "SER_NUMBER", "SER_NOME", "TUR_PERIODO", "TUR_NOME",
    "ALU_ID", "AVA_NOME", "AVA_ANO", "DIS_NOME", "TES_NOME", "MTI_CODIGO"
