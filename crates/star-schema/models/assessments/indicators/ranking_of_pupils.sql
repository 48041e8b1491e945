-- The hundred pupils of the highest hit rate, of those with at least 5 answers that are right or wrong;
-- of equal ones first who has more answers. Equal rates share a place.
WITH by_pupil AS (
    SELECT
        "ALU_ID",
        100.0 * SUM("ACERTO") / SUM("ACERTO" + "ERRO") AS hit_rate,
        SUM("ACERTO" + "ERRO") AS answers
    FROM fato_resposta_aluno
    WHERE "ACERTO" + "ERRO" > 0
    GROUP BY "ALU_ID"
    HAVING SUM("ACERTO" + "ERRO") >= 5
),
first AS (
    SELECT "ALU_ID", hit_rate, answers
    FROM by_pupil
    ORDER BY hit_rate DESC, answers DESC, "ALU_ID"
    LIMIT 100
)
SELECT
    COALESCE(a."ALU_NOME", 'unknown') AS "ALU_NOME",
    CAST(RANK() OVER (ORDER BY f.hit_rate DESC) AS BIGINT) AS place,
    f.hit_rate,
    f.answers,
    f."ALU_ID"
FROM first AS f
LEFT JOIN dim_aluno AS a ON a."ALU_ID" = f."ALU_ID"
ORDER BY f.hit_rate DESC, f.answers DESC, f."ALU_ID"
