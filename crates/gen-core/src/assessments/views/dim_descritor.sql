-- Descriptors: what an item asks for, and how many answers there are. Answers without one, those of
-- reading above all, are together in SEM_DESCRITOR.
SELECT
    COALESCE("MTI_CODIGO", 'SEM_DESCRITOR') AS "MTI_CODIGO",
    MAX("MTI_DESCRITOR") AS "MTI_DESCRITOR",
    COUNT(*) AS "QTD"
FROM avaliacao
GROUP BY COALESCE("MTI_CODIGO", 'SEM_DESCRITOR')
