-- Ways to pay that invoices name; fact_sales has the same numbers. 0 is any other way, -1 none.
SELECT
    CASE payment_method
        WHEN 'PIX' THEN 1
        WHEN 'credit card' THEN 2
        WHEN 'debit card' THEN 3
        WHEN 'boleto' THEN 4
        WHEN 'cash' THEN 5
        ELSE 0
    END AS payment_id,
    MAX(payment_method) AS payment_method
FROM invoices
GROUP BY 1
UNION ALL
SELECT -1, 'unknown'
