-- Tests. Subject and assessment follow from the test; where they do not, the greatest is taken.
WITH items AS (
    SELECT
        "TES_NOME",
        MAX("DIS_NOME") AS "DIS_NOME",
        MAX("AVA_NOME") AS "AVA_NOME",
        MAX("AVA_ANO") AS "AVA_ANO",
        MAX("SER_NUMBER") AS "SER_NUMBER"
    FROM avaliacao
    GROUP BY "TES_NOME", "TEG_ORDEM"
)
SELECT
    "TES_NOME",
    MAX("DIS_NOME") AS "DIS_NOME",
    MAX("AVA_NOME") AS "AVA_NOME",
    MAX("AVA_ANO") AS "AVA_ANO",
    MAX("SER_NUMBER") AS "SER_NUMBER",
    COUNT(*) AS "QTD_ITENS"
FROM items
GROUP BY "TES_NOME"
