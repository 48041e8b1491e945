-- Schools. A code can stand beside two names: the greatest is taken, for the school and for its
-- municipality.
SELECT
    "ESC_INEP",
    MAX("ESC_NOME") AS "ESC_NOME",
    MAX("MUN_UF") AS "MUN_UF",
    MAX("MUN_NOME") AS "MUN_NOME"
FROM avaliacao
GROUP BY "ESC_INEP"
