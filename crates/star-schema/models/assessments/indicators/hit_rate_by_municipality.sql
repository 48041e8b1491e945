-- Hit rate by municipality.
SELECT
    "MUN_NOME",
    100.0 * SUM("ACERTO") / SUM("ACERTO" + "ERRO") AS hit_rate,
    SUM("ACERTO" + "ERRO") AS answers,
    "MUN_UF"
FROM fato_resposta_aluno
WHERE "ACERTO" + "ERRO" > 0
GROUP BY "MUN_UF", "MUN_NOME"
ORDER BY 100.0 * SUM("ACERTO") / SUM("ACERTO" + "ERRO") DESC, "MUN_UF", "MUN_NOME"
