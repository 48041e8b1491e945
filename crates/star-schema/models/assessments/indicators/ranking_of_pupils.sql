-- The hundred pupils of the highest hit rate, of those with at least 5 answers that are right or wrong;
-- of equal ones first who has more answers. Equal rates share a place. By a place and not by LIMIT: the
-- engine counts the whole of a sum's rows for each of the hundred that it would keep.
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
placed AS (
    SELECT
        "ALU_ID",
        hit_rate,
        answers,
        ROW_NUMBER() OVER (ORDER BY hit_rate DESC, answers DESC, "ALU_ID") AS number
    FROM by_pupil
),
first AS (
    SELECT "ALU_ID", hit_rate, answers
    FROM placed
    WHERE number <= 100
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
