-- One month
-- Invoices of the first month of the epoch, and what they came to.
SELECT count(*) AS invoices, sum(net_total) AS net_total
FROM invoices
WHERE year = 2023 AND month = 1
