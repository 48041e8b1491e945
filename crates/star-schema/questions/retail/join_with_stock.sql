-- Join with stock
-- Each line beside what all warehouses have of its product: what was sold, and in how many lines more at
-- once than there is.
WITH stocked AS (
    SELECT product_id, sum(quantity) AS stock
    FROM stock
    GROUP BY product_id
)
SELECT
    l.product_id,
    max(k.stock) AS stock,
    sum(l.quantity) AS sold,
    sum(CASE WHEN l.quantity > k.stock THEN 1 ELSE 0 END) AS lines_beyond_stock
FROM invoice_items AS l
JOIN stocked AS k ON k.product_id = l.product_id
GROUP BY l.product_id
ORDER BY l.product_id
