-- Ways to pay that invoices name; fact_sales has the same numbers. 0 is any other way.
WITH way AS (
    SELECT
        payment_method,
        CASE payment_method
            WHEN 'PIX' THEN 1
            WHEN 'credit card' THEN 2
            WHEN 'debit card' THEN 3
            WHEN 'boleto' THEN 4
            WHEN 'cash' THEN 5
            ELSE 0
        END AS payment_id
    FROM invoices
    WHERE payment_method IS NOT NULL
)
SELECT payment_id, MAX(payment_method) AS payment_method
FROM way
GROUP BY payment_id
