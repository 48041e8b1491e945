-- Sellers as they are; -1 is an unknown one.
SELECT seller_id, registration, name, district, region, commission_rate, hired_on, on_leave
FROM sellers
UNION ALL
SELECT -1, NULL, 'unknown', NULL, NULL, NULL, NULL, NULL
