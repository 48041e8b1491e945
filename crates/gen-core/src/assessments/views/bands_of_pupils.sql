-- Pupils by band of their hit rate, of those with at least 5 answers that are right or wrong: 70 per cent
-- or more, 50 to below 70, below 50. In whole numbers, so that no rate is rounded over a border.
WITH by_pupil AS (
    SELECT "ALU_ID", SUM(COALESCE("ATR_CERTO", 0)) AS right_answers, COUNT(*) AS answers
    FROM avaliacao
    WHERE "DIS_NOME" <> 'Leitura'
    GROUP BY "ALU_ID"
    HAVING COUNT(*) >= 5
),
banded AS (
    SELECT
        CASE
            WHEN right_answers * 100 >= answers * 70 THEN '70 or more'
            WHEN right_answers * 100 >= answers * 50 THEN '50 to 69'
            ELSE 'below 50'
        END AS band
    FROM by_pupil
),
counted AS (
    SELECT band, COUNT(*) AS pupils
    FROM banded
    GROUP BY band
)
SELECT band, 100e0 * pupils / SUM(pupils) OVER () AS share, pupils
FROM counted
ORDER BY CASE band WHEN '70 or more' THEN 1 WHEN '50 to 69' THEN 2 ELSE 3 END
