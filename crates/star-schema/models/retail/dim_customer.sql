-- Customers as they are.
SELECT
    customer_id, name, cpf, gender, birth_date, segment, district, city, state, postal_code,
    credit_limit, created_at
FROM customers
