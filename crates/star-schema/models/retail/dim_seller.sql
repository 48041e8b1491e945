-- Sellers as they are.
SELECT seller_id, registration, name, district, region, commission_rate, hired_on, on_leave
FROM sellers
