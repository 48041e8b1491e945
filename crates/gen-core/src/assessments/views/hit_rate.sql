-- The hit rate: right answers of all that are right or wrong, in per cent. Reading is neither.
SELECT
    100e0 * SUM(COALESCE("ATR_CERTO", 0)) / NULLIF(COUNT(*), 0) AS hit_rate,
    COUNT(*) AS answers
FROM avaliacao
WHERE "DIS_NOME" <> 'Leitura'
