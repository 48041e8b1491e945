-- Fluency rate and mean level, 1 to 6, by test of reading.
SELECT
    "TES_NOME",
    100e0 * SUM(CASE WHEN "NIVEL_NUMERICO" = 6 THEN 1 ELSE 0 END) / COUNT(*) AS fluency_rate,
    1e0 * SUM("NIVEL_NUMERICO") / COUNT(*) AS mean_level,
    COUNT(*) AS results
FROM fato_resposta_aluno
WHERE "DIS_NOME" = 'Leitura' AND "NIVEL_NUMERICO" IS NOT NULL
GROUP BY "TES_NOME"
ORDER BY "TES_NOME"
