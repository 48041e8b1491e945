-- Customers by class: those that bring the most revenue of issued invoices are A until they bring 80 %
-- of it together, then B until 95 %, then C. Customers without an issued invoice are in no class.
WITH bought AS (
    SELECT customer_id, SUM(net_total) AS revenue
    FROM invoices
    WHERE status = 'issued'
    GROUP BY customer_id
),
running AS (
    SELECT
        revenue,
        SUM(revenue) OVER (
            ORDER BY revenue DESC, customer_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) - revenue AS earlier,
        SUM(revenue) OVER () AS whole
    FROM bought
),
classed AS (
    SELECT
        CASE
            WHEN earlier * 100 < whole * 80 THEN 'A'
            WHEN earlier * 100 < whole * 95 THEN 'B'
            ELSE 'C'
        END AS class,
        revenue
    FROM running
),
summed AS (
    SELECT class, SUM(revenue) AS revenue, COUNT(*) AS customers
    FROM classed
    GROUP BY class
)
SELECT
    class,
    100e0 * revenue / NULLIF(SUM(revenue) OVER (), 0) AS share_of_revenue,
    100e0 * customers / SUM(customers) OVER () AS share_of_customers,
    customers,
    revenue
FROM summed
ORDER BY class
