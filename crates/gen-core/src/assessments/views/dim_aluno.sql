-- Pupils. The source names one in every answer, not always alike: of the names the greatest, of the CPFs
-- one that is not null, then the longest, then the least.
WITH named AS (
    SELECT "ALU_ID", "ALU_CPF", MAX("ALU_NOME") AS "ALU_NOME"
    FROM avaliacao
    GROUP BY "ALU_ID", "ALU_CPF"
),
longest AS (
    SELECT "ALU_ID", MAX("ALU_NOME") AS "ALU_NOME", MAX(CHAR_LENGTH("ALU_CPF")) AS length
    FROM named
    GROUP BY "ALU_ID"
)
SELECT l."ALU_ID", MAX(l."ALU_NOME") AS "ALU_NOME", MIN(n."ALU_CPF") AS "ALU_CPF"
FROM longest AS l
LEFT JOIN named AS n ON n."ALU_ID" = l."ALU_ID" AND CHAR_LENGTH(n."ALU_CPF") = l.length
GROUP BY l."ALU_ID"
