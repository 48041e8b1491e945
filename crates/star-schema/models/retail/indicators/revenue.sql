-- Revenue in all. Revenue is what issued invoices come to: their lines less discounts, with tax.
-- Cancelled and returned invoices do not count; fact_sales_daily holds none of them.
SELECT
    SUM(net_total) AS revenue,
    SUM(tax) AS of_which_tax,
    SUM(quantity) AS quantity
FROM fact_sales_daily
