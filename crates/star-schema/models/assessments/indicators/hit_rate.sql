-- The hit rate: right answers of all that are right or wrong, in per cent. Reading is neither.
SELECT
    100.0 * SUM("ACERTO") / NULLIF(SUM("ACERTO" + "ERRO"), 0) AS hit_rate,
    SUM("ACERTO" + "ERRO") AS answers
FROM fato_resposta_aluno
