-- Reading: the share of results that are fluent, and the mean level from 1 (nao_leitor) to 6 (fluente).
-- A result is a pupil's level in a test of reading.
SELECT
    100e0 * SUM(CASE WHEN "NIVEL_NUMERICO" = 6 THEN 1 ELSE 0 END) / NULLIF(COUNT(*), 0) AS fluency_rate,
    1e0 * SUM("NIVEL_NUMERICO") / NULLIF(COUNT(*), 0) AS mean_level,
    COUNT(*) AS results
FROM fato_resposta_aluno
WHERE "DIS_NOME" = 'Leitura' AND "NIVEL_NUMERICO" IS NOT NULL
