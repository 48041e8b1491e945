-- The hundred pupils of the highest hit rate, of those with at least 5 answers that are right or wrong;
-- of equal ones first who has more answers. Equal rates share a place; they are rounded far behind what
-- counts, so that equal ones are equal.
WITH by_pupil AS (
    SELECT
        "ALU_ID",
        ROUND(
            100e0 * SUM(CASE WHEN "DIS_NOME" <> 'Leitura' THEN COALESCE("ATR_CERTO", 0) END)
                / SUM(CASE WHEN "DIS_NOME" <> 'Leitura' THEN 1 END),
            10
        ) AS hit_rate,
        SUM(CASE WHEN "DIS_NOME" <> 'Leitura' THEN 1 END) AS answers,
        MAX("ALU_NOME") AS "ALU_NOME"
    FROM avaliacao
    GROUP BY "ALU_ID"
),
placed AS (
    SELECT
        by_pupil.*,
        RANK() OVER (ORDER BY hit_rate DESC) AS place,
        ROW_NUMBER() OVER (ORDER BY hit_rate DESC, answers DESC, "ALU_ID") AS number
    FROM by_pupil
    WHERE answers >= 5
)
SELECT "ALU_NOME", place, hit_rate, answers, "ALU_ID"
FROM placed
WHERE number <= 100
ORDER BY number
