-- Hit rate by school, with the name of the school that dim_escola has.
WITH summed AS (
    SELECT "ESC_INEP", SUM("ACERTO") AS right_answers, SUM("ACERTO" + "ERRO") AS answers
    FROM fato_resposta_aluno
    WHERE "ACERTO" + "ERRO" > 0
    GROUP BY "ESC_INEP"
)
SELECT
    COALESCE(e."ESC_NOME", s."ESC_INEP") AS "ESC_NOME",
    100.0 * s.right_answers / s.answers AS hit_rate,
    s.answers,
    e."MUN_NOME",
    s."ESC_INEP"
FROM summed AS s
LEFT JOIN dim_escola AS e ON e."ESC_INEP" = s."ESC_INEP"
ORDER BY 100.0 * s.right_answers / s.answers DESC, s."ESC_INEP"
