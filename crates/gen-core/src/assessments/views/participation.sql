-- Participation: pupils with an answer, by municipality and test. Through one row a pupil and test: no set
-- of distinct values is held.
WITH taken AS (
    SELECT "MUN_UF", "MUN_NOME", "TES_NOME", "ALU_ID"
    FROM avaliacao
    GROUP BY "MUN_UF", "MUN_NOME", "TES_NOME", "ALU_ID"
)
SELECT "MUN_NOME", "TES_NOME", COUNT(*) AS pupils, "MUN_UF"
FROM taken
GROUP BY "MUN_UF", "MUN_NOME", "TES_NOME"
ORDER BY "MUN_UF", "MUN_NOME", "TES_NOME"
