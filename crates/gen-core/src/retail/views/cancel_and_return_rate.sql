-- Cancelled and returned invoices of all, by their number.
SELECT
    100e0 * SUM(CASE WHEN status IN ('cancelled', 'returned') THEN 1 ELSE 0 END) / COUNT(*)
        AS lost_rate,
    100e0 * SUM(CASE WHEN status = 'cancelled' THEN 1 ELSE 0 END) / COUNT(*) AS cancel_rate,
    100e0 * SUM(CASE WHEN status = 'returned' THEN 1 ELSE 0 END) / COUNT(*) AS return_rate,
    COUNT(*) AS invoices
FROM invoices
