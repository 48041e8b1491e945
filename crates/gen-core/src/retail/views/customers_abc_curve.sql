-- What share of revenue the first 5 %, 10 %, ... of customers bring together, those that bring the most
-- first. Revenue of issued invoices; customers without one are left out.
WITH bought AS (
    SELECT customer_id, SUM(net_total) AS revenue
    FROM invoices
    WHERE status = 'issued'
    GROUP BY customer_id
),
running AS (
    SELECT
        ROW_NUMBER() OVER (ORDER BY revenue DESC, customer_id) AS place,
        COUNT(*) OVER () AS customers,
        SUM(revenue) OVER (
            ORDER BY revenue DESC, customer_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS together,
        SUM(revenue) OVER () AS whole
    FROM bought
),
-- The place in twentieths, rounded up, by whole numbers.
stepped AS (
    SELECT place * 20 + (customers - place * 20 % customers) % customers AS step,
        place, customers, together, whole
    FROM running
)
SELECT
    CAST(step / customers * 5 AS DECIMAL(3, 0)) AS first_customers,
    100e0 * MAX(together) / NULLIF(MAX(whole), 0) AS share_of_revenue,
    MAX(place) AS customers
FROM stepped
GROUP BY step, stepped.customers
ORDER BY step
