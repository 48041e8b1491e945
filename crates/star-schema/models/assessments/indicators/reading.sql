-- Reading: the share of results that are fluent, and the mean level from 1 (nao_leitor) to 6 (fluente).
-- A result is a pupil's level in a test of reading.
SELECT
    100.0 * COUNT(*) FILTER (WHERE "NIVEL_NUMERICO" = 6) / NULLIF(COUNT(*), 0) AS fluency_rate,
    CAST(SUM("NIVEL_NUMERICO") AS DOUBLE) / NULLIF(COUNT(*), 0) AS mean_level,
    COUNT(*) AS results
FROM fato_resposta_aluno
WHERE "NIVEL_NUMERICO" IS NOT NULL
