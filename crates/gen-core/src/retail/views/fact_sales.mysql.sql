-- Invoice lines. Discount and tax of the invoice are shared out by line_total in whole cents: each line
-- gets its share rounded down, and the cents that are left go one each to the lines with the largest
-- remainders, the earlier line first. So lines sum to their invoice to the cent.
-- The lines of an invoice by their remainders are a list of numbers, made in the order of the primary
-- keys: windows would sort all lines twice, which takes four times as long. Sums are written out twice,
-- so that the server need not keep the whole of it to answer a question of a few columns.
SELECT
    l.invoice_id,
    l.line_number,
    i.year * 10000 + i.month * 100 + i.day AS date_id,
    i.customer_id,
    i.seller_id,
    l.product_id,
    CASE
        WHEN i.payment_method IS NULL THEN -1
        WHEN i.payment_method = 'PIX' THEN 1
        WHEN i.payment_method = 'credit card' THEN 2
        WHEN i.payment_method = 'debit card' THEN 3
        WHEN i.payment_method = 'boleto' THEN 4
        WHEN i.payment_method = 'cash' THEN 5
        ELSE 0
    END AS payment_id,
    i.state,
    i.status,
    l.quantity,
    l.unit_price,
    l.discount AS line_discount,
    l.line_total,
    CAST(
        0.01 * (
            COALESCE(
                CAST(i.discount * 100 AS SIGNED) * CAST(l.line_total * 100 AS SIGNED)
                    DIV CAST(i.gross_total * 100 AS SIGNED),
                0
            )
            + CASE WHEN FIND_IN_SET(l.line_number, p.discount_places) <= p.discount_left THEN 1 ELSE 0 END
        )
        AS DECIMAL(12, 2)
    ) AS discount,
    CAST(
        0.01 * (
            COALESCE(
                CAST(i.tax * 100 AS SIGNED) * CAST(l.line_total * 100 AS SIGNED)
                    DIV CAST(i.gross_total * 100 AS SIGNED),
                0
            )
            + CASE WHEN FIND_IN_SET(l.line_number, p.tax_places) <= p.tax_left THEN 1 ELSE 0 END
        )
        AS DECIMAL(12, 2)
    ) AS tax,
    CAST(
        l.line_total - 0.01 * (
            COALESCE(
                CAST(i.discount * 100 AS SIGNED) * CAST(l.line_total * 100 AS SIGNED)
                    DIV CAST(i.gross_total * 100 AS SIGNED),
                0
            )
            + CASE WHEN FIND_IN_SET(l.line_number, p.discount_places) <= p.discount_left THEN 1 ELSE 0 END
        )
        + 0.01 * (
            COALESCE(
                CAST(i.tax * 100 AS SIGNED) * CAST(l.line_total * 100 AS SIGNED)
                    DIV CAST(i.gross_total * 100 AS SIGNED),
                0
            )
            + CASE WHEN FIND_IN_SET(l.line_number, p.tax_places) <= p.tax_left THEN 1 ELSE 0 END
        )
        AS DECIMAL(12, 2)
    ) AS net_total
FROM (
    SELECT
        c.invoice_id,
        SUM(c.discount * c.weight % c.weights) DIV MAX(c.weights) AS discount_left,
        SUM(c.tax * c.weight % c.weights) DIV MAX(c.weights) AS tax_left,
        GROUP_CONCAT(
            c.line_number ORDER BY c.discount * c.weight % c.weights DESC, c.line_number
        ) AS discount_places,
        GROUP_CONCAT(
            c.line_number ORDER BY c.tax * c.weight % c.weights DESC, c.line_number
        ) AS tax_places
    FROM (
        SELECT
            i.invoice_id,
            l.line_number,
            CAST(i.discount * 100 AS SIGNED) AS discount,
            CAST(i.tax * 100 AS SIGNED) AS tax,
            CAST(l.line_total * 100 AS SIGNED) AS weight,
            CAST(i.gross_total * 100 AS SIGNED) AS weights
        FROM invoices AS i
        JOIN invoice_items AS l ON l.invoice_id = i.invoice_id
    ) AS c
    GROUP BY c.invoice_id
) AS p
JOIN invoices AS i ON i.invoice_id = p.invoice_id
JOIN invoice_items AS l ON l.invoice_id = p.invoice_id
