-- Participation: pupils with an answer, by municipality and test. Through one row a pupil and test, of
-- numbers in place of names: no set of distinct values is held, and the rows stay small.
WITH tests AS (
    SELECT "TES_NOME", CAST(ROW_NUMBER() OVER (ORDER BY "TES_NOME") AS INT) AS test
    FROM dim_teste
),
places AS (
    SELECT
        "MUN_UF",
        "MUN_NOME",
        CAST(ROW_NUMBER() OVER (ORDER BY "MUN_UF", "MUN_NOME") AS INT) AS place
    FROM dim_municipio
),
-- The small tables stand first: the engine holds the first of a join.
placed AS (
    SELECT p.place, f."TES_NOME", f."ALU_ID"
    FROM places AS p
    JOIN fato_resposta_aluno AS f ON f."MUN_UF" = p."MUN_UF" AND f."MUN_NOME" = p."MUN_NOME"
),
taken AS (
    SELECT f.place, t.test, f."ALU_ID"
    FROM tests AS t
    JOIN placed AS f ON f."TES_NOME" = t."TES_NOME"
    GROUP BY f.place, t.test, f."ALU_ID"
),
counted AS (
    SELECT place, test, COUNT(*) AS pupils
    FROM taken
    GROUP BY place, test
)
SELECT p."MUN_NOME", t."TES_NOME", c.pupils, p."MUN_UF"
FROM counted AS c
JOIN tests AS t ON t.test = c.test
JOIN places AS p ON p.place = c.place
ORDER BY p."MUN_UF", p."MUN_NOME", t."TES_NOME"
