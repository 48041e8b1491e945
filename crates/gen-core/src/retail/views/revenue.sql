-- Revenue in all. Revenue is what issued invoices come to: their lines less discounts, with tax.
-- Cancelled and returned invoices do not count.
SELECT s.revenue, s.of_which_tax, u.quantity
FROM (
    SELECT SUM(net_total) AS revenue, SUM(tax) AS of_which_tax
    FROM invoices
    WHERE status = 'issued'
) AS s
CROSS JOIN (
    SELECT SUM(l.quantity) AS quantity
    FROM invoices AS i
    JOIN invoice_items AS l ON l.invoice_id = i.invoice_id
    WHERE i.status = 'issued'
) AS u
