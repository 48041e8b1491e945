-- Tax on issued invoices by the customer's state, and what it comes to in per cent of what is taxed:
-- the lines less discounts.
WITH summed AS (
    SELECT
        COALESCE(state, 'unknown') AS state,
        SUM(tax) AS tax,
        SUM(line_total - discount) AS taxed
    FROM fact_sales_daily
    GROUP BY COALESCE(state, 'unknown')
)
SELECT
    state,
    tax,
    taxed,
    100.0 * CAST(tax AS DOUBLE) / NULLIF(CAST(taxed AS DOUBLE), 0) AS rate
FROM summed
ORDER BY tax DESC, state
