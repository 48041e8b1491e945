-- Pupils. The source names one in every answer, not always alike:
--   ALU_NOME  the greatest of the names, so that the order of rows does not count
--   ALU_CPF   one that is not null, then the longest, then the least
SELECT
    "ALU_ID",
    MAX("ALU_NOME") AS "ALU_NOME",
    FIRST_VALUE(
        "ALU_CPF" ORDER BY CHARACTER_LENGTH("ALU_CPF") DESC NULLS LAST, "ALU_CPF"
    ) AS "ALU_CPF"
FROM avaliacao
GROUP BY "ALU_ID"
