-- Sum by product
-- What was sold of each product.
SELECT product_id, count(*) AS lines, sum(quantity) AS quantity, sum(line_total) AS line_total
FROM invoice_items
GROUP BY product_id
ORDER BY product_id
