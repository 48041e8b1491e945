-- Hit rate by grade.
SELECT
    "SER_NOME",
    100e0 * SUM(COALESCE("ATR_CERTO", 0)) / COUNT(*) AS hit_rate,
    COUNT(*) AS answers
FROM avaliacao
WHERE "DIS_NOME" <> 'Leitura'
GROUP BY "SER_NUMBER", "SER_NOME"
ORDER BY "SER_NUMBER", "SER_NOME"
