-- Cancelled and returned invoices of all, by their number. An invoice is counted by its line 1.
SELECT
    100.0 * COUNT(*) FILTER (WHERE status IN ('cancelled', 'returned')) / COUNT(*) AS lost_rate,
    100.0 * COUNT(*) FILTER (WHERE status = 'cancelled') / COUNT(*) AS cancel_rate,
    100.0 * COUNT(*) FILTER (WHERE status = 'returned') / COUNT(*) AS return_rate,
    COUNT(*) AS invoices
FROM fact_sales
WHERE line_number = 1 AND status IS NOT NULL
