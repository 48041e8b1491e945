-- Tax on issued invoices by the customer's state, and what it comes to in per cent of what is taxed:
-- the lines less discounts.
WITH summed AS (
    SELECT state, SUM(tax) AS tax, SUM(gross_total - discount) AS taxed
    FROM invoices
    WHERE status = 'issued'
    GROUP BY state
)
SELECT state, tax, taxed, 100e0 * tax / NULLIF(taxed, 0) AS rate
FROM summed
ORDER BY tax DESC, state
