-- Hit rate by municipality.
SELECT
    "MUN_NOME",
    100e0 * SUM(COALESCE("ATR_CERTO", 0)) / COUNT(*) AS hit_rate,
    COUNT(*) AS answers,
    "MUN_UF"
FROM avaliacao
WHERE "DIS_NOME" <> 'Leitura'
GROUP BY "MUN_UF", "MUN_NOME"
ORDER BY 100e0 * SUM(COALESCE("ATR_CERTO", 0)) / COUNT(*) DESC, "MUN_UF", "MUN_NOME"
