-- Hit rate by grade.
SELECT
    "SER_NOME",
    100.0 * SUM("ACERTO") / SUM("ACERTO" + "ERRO") AS hit_rate,
    SUM("ACERTO" + "ERRO") AS answers
FROM fato_resposta_aluno
WHERE "ACERTO" + "ERRO" > 0
GROUP BY "SER_NUMBER", "SER_NOME"
ORDER BY "SER_NUMBER", "SER_NOME"
