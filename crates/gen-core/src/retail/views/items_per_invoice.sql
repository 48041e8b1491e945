-- Lines of an issued invoice, which are as many products, and their units.
SELECT
    1e0 * l.items / i.invoices AS items_per_invoice,
    1e0 * l.units / i.invoices AS units_per_invoice,
    i.invoices
FROM (
    SELECT COUNT(*) AS invoices
    FROM invoices
    WHERE status = 'issued'
) AS i
CROSS JOIN (
    SELECT COUNT(*) AS items, SUM(l.quantity) AS units
    FROM invoices AS i
    JOIN invoice_items AS l ON l.invoice_id = i.invoice_id
    WHERE i.status = 'issued'
) AS l
