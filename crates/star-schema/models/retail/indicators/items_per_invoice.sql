-- Lines of an issued invoice, which are as many products, and their units. An invoice is counted by its
-- line 1.
SELECT
    CAST(COUNT(*) AS DOUBLE) / COUNT(*) FILTER (WHERE line_number = 1) AS items_per_invoice,
    CAST(SUM(quantity) AS DOUBLE) / COUNT(*) FILTER (WHERE line_number = 1) AS units_per_invoice,
    COUNT(*) FILTER (WHERE line_number = 1) AS invoices
FROM fact_sales
WHERE status = 'issued'
