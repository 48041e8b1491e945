-- Products as they are; -1 is an unknown one.
SELECT
    product_id, code, name, line, packaging, size, flavour, category, list_price, unit_cost
FROM products
UNION ALL
SELECT -1, NULL, 'unknown', NULL, NULL, NULL, NULL, NULL, NULL, NULL
