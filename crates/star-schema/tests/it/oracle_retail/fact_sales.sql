-- Invoice lines. Discount and tax of the invoice are shared out by line_total in whole cents: each line
-- gets its share rounded down, and the cents that are left go one each to the lines with the largest
-- remainders, the earlier line first. So lines sum to their invoice to the cent.
--   discount, tax   the line's share of the invoice's
--   net_total       line_total - discount + tax
-- A key that its dimension does not have is -1, and so are those of a line without an invoice.
WITH line AS (
    SELECT
        l.invoice_id, l.line_number, l.product_id, l.quantity, l.unit_price,
        l.discount AS line_discount, l.line_total, l.issued_at,
        i.customer_id, i.seller_id, i.state, i.payment_method, i.status,
        CAST(l.line_total * 100 AS DECIMAL(18, 0)) AS weight,
        CAST(COALESCE(i.discount, 0) * 100 AS DECIMAL(18, 0)) AS invoice_discount,
        CAST(COALESCE(i.tax, 0) * 100 AS DECIMAL(18, 0)) AS invoice_tax
    FROM invoice_items AS l
    LEFT JOIN invoices AS i ON i.invoice_id = l.invoice_id
),
weighed AS (
    SELECT *, NULLIF(SUM(weight) OVER (PARTITION BY invoice_id), 0) AS weights
    FROM line
),
remainders AS (
    SELECT
        *,
        invoice_discount * weight % weights AS discount_rest,
        invoice_tax * weight % weights AS tax_rest
    FROM weighed
),
floors AS (
    SELECT
        *,
        COALESCE(CAST((invoice_discount * weight - discount_rest) / weights AS DECIMAL(18, 0)), 0)
            AS discount_floor,
        COALESCE(CAST((invoice_tax * weight - tax_rest) / weights AS DECIMAL(18, 0)), 0) AS tax_floor
    FROM remainders
),
ranked AS (
    SELECT
        *,
        invoice_discount - SUM(discount_floor) OVER (PARTITION BY invoice_id) AS discount_left,
        invoice_tax - SUM(tax_floor) OVER (PARTITION BY invoice_id) AS tax_left,
        ROW_NUMBER() OVER (PARTITION BY invoice_id ORDER BY discount_rest DESC, line_number)
            AS discount_rank,
        ROW_NUMBER() OVER (PARTITION BY invoice_id ORDER BY tax_rest DESC, line_number) AS tax_rank
    FROM floors
),
shared AS (
    SELECT
        *,
        CAST(
            (discount_floor + CASE WHEN discount_rank <= discount_left THEN 1 ELSE 0 END) / 100
            AS DECIMAL(12, 2)
        ) AS discount,
        CAST(
            (tax_floor + CASE WHEN tax_rank <= tax_left THEN 1 ELSE 0 END) / 100 AS DECIMAL(12, 2)
        ) AS tax
    FROM ranked
)
SELECT
    s.invoice_id,
    s.line_number,
    COALESCE(
        CAST(
            date_part('year', s.issued_at) * 10000
            + date_part('month', s.issued_at) * 100
            + date_part('day', s.issued_at)
            AS INT
        ),
        -1
    ) AS date_id,
    COALESCE(c.customer_id, -1) AS customer_id,
    COALESCE(v.seller_id, -1) AS seller_id,
    COALESCE(p.product_id, -1) AS product_id,
    CASE
        WHEN s.payment_method IS NULL THEN -1
        WHEN s.payment_method = 'PIX' THEN 1
        WHEN s.payment_method = 'credit card' THEN 2
        WHEN s.payment_method = 'debit card' THEN 3
        WHEN s.payment_method = 'boleto' THEN 4
        WHEN s.payment_method = 'cash' THEN 5
        ELSE 0
    END AS payment_id,
    s.state,
    s.status,
    s.quantity,
    s.unit_price,
    s.line_discount,
    s.line_total,
    s.discount,
    s.tax,
    CAST(s.line_total - s.discount + s.tax AS DECIMAL(12, 2)) AS net_total
FROM shared AS s
LEFT JOIN customers AS c ON c.customer_id = s.customer_id
LEFT JOIN sellers AS v ON v.seller_id = s.seller_id
LEFT JOIN products AS p ON p.product_id = s.product_id
