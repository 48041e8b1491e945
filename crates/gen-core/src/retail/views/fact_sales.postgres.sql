-- Invoice lines. Discount and tax of the invoice are shared out by line_total in whole cents: each line
-- gets its share rounded down, and the cents that are left go one each to the lines with the largest
-- remainders, the earlier line first. So lines sum to their invoice to the cent.
WITH weighed AS (
    SELECT
        l.invoice_id, l.line_number, l.product_id, l.quantity, l.unit_price,
        l.discount AS line_discount, l.line_total,
        i.year * 10000 + i.month * 100 + i.day AS date_id,
        i.customer_id, i.seller_id, i.payment_method, i.state, i.status,
        CAST(l.line_total * 100 AS bigint) AS weight,
        NULLIF(CAST(i.gross_total * 100 AS bigint), 0) AS weights,
        CAST(i.discount * 100 AS bigint) AS invoice_discount,
        CAST(i.tax * 100 AS bigint) AS invoice_tax
    FROM invoice_items AS l
    JOIN invoices AS i ON i.invoice_id = l.invoice_id
),
ranked AS (
    SELECT
        weighed.*,
        COALESCE(invoice_discount * weight / weights, 0) AS discount_floor,
        COALESCE(invoice_tax * weight / weights, 0) AS tax_floor,
        SUM(invoice_discount * weight % weights) OVER invoice / weights AS discount_left,
        SUM(invoice_tax * weight % weights) OVER invoice / weights AS tax_left,
        ROW_NUMBER() OVER (
            PARTITION BY invoice_id ORDER BY invoice_discount * weight % weights DESC, line_number
        ) AS discount_place,
        ROW_NUMBER() OVER (
            PARTITION BY invoice_id ORDER BY invoice_tax * weight % weights DESC, line_number
        ) AS tax_place
    FROM weighed
    WINDOW invoice AS (PARTITION BY invoice_id)
),
shared AS (
    SELECT
        ranked.*,
        CAST(
            (discount_floor + CASE WHEN discount_place <= discount_left THEN 1 ELSE 0 END) * 0.01
            AS DECIMAL(12, 2)
        ) AS discount,
        CAST(
            (tax_floor + CASE WHEN tax_place <= tax_left THEN 1 ELSE 0 END) * 0.01
            AS DECIMAL(12, 2)
        ) AS tax
    FROM ranked
)
SELECT
    invoice_id,
    line_number,
    date_id,
    customer_id,
    seller_id,
    product_id,
    CASE
        WHEN payment_method IS NULL THEN -1
        WHEN payment_method = 'PIX' THEN 1
        WHEN payment_method = 'credit card' THEN 2
        WHEN payment_method = 'debit card' THEN 3
        WHEN payment_method = 'boleto' THEN 4
        WHEN payment_method = 'cash' THEN 5
        ELSE 0
    END AS payment_id,
    state,
    status,
    quantity,
    unit_price,
    line_discount,
    line_total,
    discount,
    tax,
    CAST(line_total - discount + tax AS DECIMAL(12, 2)) AS net_total
FROM shared
