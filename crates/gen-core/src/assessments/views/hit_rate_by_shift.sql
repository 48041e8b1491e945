-- Hit rate by shift of the class.
SELECT
    "TUR_PERIODO",
    100e0 * SUM(COALESCE("ATR_CERTO", 0)) / COUNT(*) AS hit_rate,
    COUNT(*) AS answers
FROM avaliacao
WHERE "DIS_NOME" <> 'Leitura'
GROUP BY "TUR_PERIODO"
ORDER BY "TUR_PERIODO"
