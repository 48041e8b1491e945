-- Fluency rate and mean level, 1 to 6, by test of reading.
SELECT
    "TES_NOME",
    100.0 * COUNT(*) FILTER (WHERE "NIVEL_NUMERICO" = 6) / COUNT(*) AS fluency_rate,
    CAST(SUM("NIVEL_NUMERICO") AS DOUBLE) / COUNT(*) AS mean_level,
    COUNT(*) AS results
FROM fato_resposta_aluno
WHERE "NIVEL_NUMERICO" IS NOT NULL
GROUP BY "TES_NOME"
ORDER BY "TES_NOME"
