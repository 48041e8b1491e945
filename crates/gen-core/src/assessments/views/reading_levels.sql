-- Results of reading by level, the best first.
WITH counted AS (
    SELECT "NIVEL_NUMERICO", "NIVEL_LEITURA", COUNT(*) AS results
    FROM fato_resposta_aluno
    WHERE "DIS_NOME" = 'Leitura' AND "NIVEL_NUMERICO" IS NOT NULL
    GROUP BY "NIVEL_NUMERICO", "NIVEL_LEITURA"
)
SELECT "NIVEL_LEITURA", 100e0 * results / SUM(results) OVER () AS share, results, "NIVEL_NUMERICO"
FROM counted
ORDER BY "NIVEL_NUMERICO" DESC
