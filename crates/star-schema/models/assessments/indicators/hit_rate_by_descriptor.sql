-- Hit rate by descriptor, the hardest first; SEM_DESCRITOR where the source names none.
WITH summed AS (
    SELECT "MTI_CODIGO", SUM("ACERTO") AS right_answers, SUM("ACERTO" + "ERRO") AS answers
    FROM fato_resposta_aluno
    WHERE "ACERTO" + "ERRO" > 0
    GROUP BY "MTI_CODIGO"
)
SELECT
    s."MTI_CODIGO",
    100.0 * s.right_answers / s.answers AS hit_rate,
    s.answers,
    d."MTI_DESCRITOR"
FROM summed AS s
LEFT JOIN dim_descritor AS d ON d."MTI_CODIGO" = s."MTI_CODIGO"
ORDER BY 100.0 * s.right_answers / s.answers, s."MTI_CODIGO"
