-- What lies in the warehouses, as it stands: a snapshot that does not follow from the sales.
SELECT product_id, warehouse_id, quantity, reorder_point, unit_cost, updated_at
FROM stock
