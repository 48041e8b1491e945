-- Hit rate by test.
SELECT
    "TES_NOME",
    100.0 * SUM("ACERTO") / SUM("ACERTO" + "ERRO") AS hit_rate,
    SUM("ACERTO" + "ERRO") AS answers
FROM fato_resposta_aluno
WHERE "ACERTO" + "ERRO" > 0
GROUP BY "TES_NOME"
ORDER BY "TES_NOME"
