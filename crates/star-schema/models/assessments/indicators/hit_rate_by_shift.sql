-- Hit rate by shift of the class.
SELECT
    "TUR_PERIODO",
    100.0 * SUM("ACERTO") / SUM("ACERTO" + "ERRO") AS hit_rate,
    SUM("ACERTO" + "ERRO") AS answers
FROM fato_resposta_aluno
WHERE "ACERTO" + "ERRO" > 0
GROUP BY "TUR_PERIODO"
ORDER BY "TUR_PERIODO"
