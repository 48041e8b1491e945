-- Municipalities, by state and name: the source has no code of them.
SELECT "MUN_UF", "MUN_NOME"
FROM avaliacao
GROUP BY "MUN_UF", "MUN_NOME"
