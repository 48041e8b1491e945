-- Hit rate by subject.
SELECT
    "DIS_NOME",
    100.0 * SUM("ACERTO") / SUM("ACERTO" + "ERRO") AS hit_rate,
    SUM("ACERTO" + "ERRO") AS answers
FROM fato_resposta_aluno
WHERE "ACERTO" + "ERRO" > 0
GROUP BY "DIS_NOME"
ORDER BY "DIS_NOME"
