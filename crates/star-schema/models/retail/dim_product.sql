-- Products as they are.
SELECT
    product_id, code, name, line, packaging, size, flavour, category, list_price, unit_cost
FROM products
