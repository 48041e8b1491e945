-- Hit rate by subject.
SELECT
    "DIS_NOME",
    100e0 * SUM(COALESCE("ATR_CERTO", 0)) / COUNT(*) AS hit_rate,
    COUNT(*) AS answers
FROM avaliacao
WHERE "DIS_NOME" <> 'Leitura'
GROUP BY "DIS_NOME"
ORDER BY "DIS_NOME"
