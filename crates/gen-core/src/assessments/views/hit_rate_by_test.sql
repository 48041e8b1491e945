-- Hit rate by test.
SELECT
    "TES_NOME",
    100e0 * SUM(COALESCE("ATR_CERTO", 0)) / COUNT(*) AS hit_rate,
    COUNT(*) AS answers
FROM avaliacao
WHERE "DIS_NOME" <> 'Leitura'
GROUP BY "TES_NOME"
ORDER BY "TES_NOME"
