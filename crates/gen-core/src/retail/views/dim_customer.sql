-- Customers as they are; -1 is an unknown one.
SELECT
    customer_id, name, cpf, gender, birth_date, segment, district, city, state, postal_code,
    credit_limit, created_at
FROM customers
UNION ALL
SELECT -1, 'unknown', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
