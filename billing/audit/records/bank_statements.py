"""Check the lines of bank statements: each booked line has its payments, and each of these payments one line."""

from billing.audit.check import Check

# Only a booked line has bookings in force; they sum to its amount, and are for invoices of its customer.
_BOOKED = """
    SELECT l.id AS line_id, l.state, l.amount, l.customer_id, b.amount AS booked, b.count, b.last
    FROM invoices_bankline l JOIN invoices_bankstatement s ON s.id = l.statement_id
    LEFT JOIN LATERAL (
        SELECT sum(b.amount) FILTER (WHERE b.undone_at IS NULL) AS amount, count(*) AS count, max(b.number) AS last,
            bool_and(i.customer_id IS NOT DISTINCT FROM l.customer_id) FILTER (WHERE b.undone_at IS NULL) AS own
        FROM invoices_bankbooking b JOIN invoices_invoice i ON i.id = b.invoice_id WHERE b.line_id = l.id
    ) b ON true
    WHERE coalesce(b.amount, 0) <> CASE l.state WHEN 'booked' THEN l.amount ELSE 0 END
        OR NOT coalesce(b.own, true) OR b.count <> coalesce(b.last, 0) OR s.account_id <> l.account_id
        OR (s.closing IS NOT NULL AND s.currency <> l.currency)
"""

# The references of the payment and of the balance entry name line and booking, so no other line can claim them.
_MONEY = """
    SELECT b.id AS booking_id, b.amount, p.id AS payment_id, p.amount AS paid, e.id AS entry_id, e.amount AS kept
    FROM invoices_bankbooking b JOIN invoices_bankline l ON l.id = b.line_id
    JOIN invoices_bankaccount a ON a.id = l.account_id JOIN invoices_invoice i ON i.id = b.invoice_id
    LEFT JOIN invoices_payment p ON p.id = b.payment_id LEFT JOIN invoices_balanceentry e ON e.id = b.entry_id
    CROSS JOIN LATERAL (SELECT 'bank:' || b.line_id || ':' || b.number AS text) reference
    WHERE b.amount <> coalesce(p.amount, 0) + coalesce(e.amount, 0)
        OR (i.seller_id, i.currency, i.sandbox) <> (a.seller_id, l.currency, false)
        OR (p.invoice_id, p.reference, p.method) <> (b.invoice_id, reference.text, 'manual')
        OR (e.document_id, e.kind, e.reference) <> (b.invoice_id, 'overpayment', CASE WHEN p.id IS NULL
            THEN reference.text ELSE 'payment:' || b.invoice_id || ':' || reference.text END)
        OR (b.undone_at IS NOT NULL AND NOT EXISTS (SELECT FROM invoices_payment o WHERE o.reverses_id = p.id))
        OR b.undone_at < b.booked_at
        OR (p.id IS NOT NULL AND e.id IS NULL AND EXISTS (SELECT FROM invoices_balanceentry k
            WHERE k.reference = 'payment:' || b.invoice_id || ':' || reference.text
                AND k.customer_id = i.customer_id))
"""

_STATEMENTS = """
    SELECT s.id AS statement_id, s.lines_in_file, s.repeated, l.count, s.opening, s.closing, l.amount
    FROM invoices_bankstatement s LEFT JOIN LATERAL (
        SELECT count(*) AS count, sum(l.amount) AS amount, max(l.place) AS last FROM invoices_bankline l
        WHERE l.statement_id = s.id
    ) l ON true
    WHERE s.lines_in_file - s.repeated <> l.count OR l.last > s.lines_in_file
        OR (s.repeated = 0 AND s.opening + l.amount <> s.closing)
"""

CHECKS = (
    Check("booked_bank_lines_equal_their_bookings", "Y2", _BOOKED),
    Check("bank_bookings_match_their_payments", "Y2", _MONEY),
    Check("bank_statements_have_all_their_lines", "Y3", _STATEMENTS),
)
