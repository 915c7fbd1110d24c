"""Check payments, customer balances and refunds: every amount that was collected is somewhere, once."""

from billing.audit.check import Check

# Triggers maintain `paid`; this recomputes it from the payments and checks the state that follows from it.
_COUNTED = """
    SELECT i.id AS invoice_id, i.state, i.total, i.credited, i.paid, p.paid AS payments FROM invoices_invoice i
    LEFT JOIN LATERAL (
        SELECT sum(p.amount) AS paid, bool_and(p.currency = i.currency) AS same,
            bool_or(p.paid_at > p.created_at OR p.created_at < i.issued_at) AS early
        FROM invoices_payment p WHERE p.invoice_id = i.id
    ) p ON true
    WHERE i.paid <> coalesce(p.paid, 0) OR i.paid > i.total + i.returned OR NOT coalesce(p.same, true) OR p.early
        OR (i.kind = 'credit_note' AND i.paid <> 0)
        OR (i.kind = 'invoice' AND i.state = 'paid') <> (i.paid > 0 AND i.paid + i.credited - i.returned >= i.total)
"""

# Each payment from a wallet has a ledger transaction with the same reference and amount.
_FROM_WALLETS = """
    SELECT p.id AS payment_id, p.invoice_id, p.amount, t.id AS transaction_id, t.units FROM invoices_payment p
    JOIN invoices_invoice i ON i.id = p.invoice_id FULL JOIN (
        SELECT t.*, w.customer_id, w.seller_id, w.unit,
            'wallet:' || t.wallet_id || ':' || split_part(t.reference, ':', 3) AS paid_as
        FROM wallets_transaction t JOIN wallets_wallet w ON w.id = t.wallet_id WHERE t.kind = 'pay'
    ) t ON t.paid_as = p.reference AND split_part(t.reference, ':', 2) = p.invoice_id::text
    WHERE (p.method = 'wallet' OR t.id IS NOT NULL) AND (
        (p.method, i.customer_id, i.seller_id, p.currency, -p.amount, p.created_at)
        IS DISTINCT FROM ('wallet', t.customer_id, t.seller_id, t.unit, t.units, t.at))
"""

# The paid amount that a credit note takes back goes to the customer balance or to a refund, in full and once.
_RETURNED = """
    SELECT i.id AS invoice_id, i.total, i.credited, i.paid, i.returned, b.amount AS to_balance, r.amount AS to_refund
    FROM invoices_invoice i
    LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM invoices_balanceentry e
        JOIN invoices_invoice n ON n.id = e.document_id
        WHERE n.corrects_id = i.id AND e.kind = 'credit_note') b ON true
    LEFT JOIN LATERAL (SELECT sum(r.amount) AS amount FROM invoices_refund r
        JOIN invoices_invoice n ON n.id = r.note_id WHERE n.corrects_id = i.id) r ON true
    WHERE i.returned <> coalesce(b.amount, 0) + coalesce(r.amount, 0)
        OR (i.kind = 'invoice' AND i.paid + i.credited - i.returned > i.total)
        OR (i.kind = 'credit_note' AND i.returned <> 0)
"""

_BALANCES = """
    SELECT coalesce(b.customer_id, e.customer_id) AS customer_id, b.currency, b.amount, e.amount AS entries
    FROM invoices_customerbalance b FULL JOIN (
        SELECT customer_id, seller_id, currency, sum(amount) AS amount, count(*) AS count,
            bool_and(after = running AND after >= 0 AND place = counted) AS sound
        FROM (SELECT *, sum(amount) OVER w AS running, row_number() OVER w AS counted FROM invoices_balanceentry
            WINDOW w AS (PARTITION BY customer_id, seller_id, currency ORDER BY place)) r GROUP BY 1, 2, 3
    ) e ON (e.customer_id, e.seller_id, e.currency) = (b.customer_id, b.seller_id, b.currency)
    WHERE (b.amount, b.entries) IS DISTINCT FROM (e.amount, e.count) OR NOT e.sound
"""

# A collected amount pays its invoice or is on the customer balance, to the cent and once.
_TAKEN = """
    SELECT c.id AS attempt_id, c.state, c.amount, p.amount AS paid, e.amount AS kept FROM invoices_paymentattempt c
    LEFT JOIN invoices_payment p ON p.attempt_id = c.id
    LEFT JOIN invoices_invoice i ON i.id = c.invoice_id
    LEFT JOIN invoices_balanceentry e ON e.customer_id = i.customer_id AND e.reference = 'charge:' || c.id
    WHERE CASE WHEN c.state = 'succeeded' THEN coalesce(p.amount, 0) + coalesce(e.amount, 0) <> c.amount
            ELSE p.id IS NOT NULL OR e.id IS NOT NULL END
        OR p.invoice_id <> c.invoice_id OR p.method <> c.provider OR p.reference <> 'charge:' || c.id
        OR c.settled_at < c.created_at OR c.sent_at < c.created_at
"""

CHECKS = (
    Check("invoices_count_their_payments", "I7", _COUNTED),
    Check("wallet_payments_match_their_debits", "I7", _FROM_WALLETS),
    Check("credited_payments_are_returned", "Y1", _RETURNED),
    Check("customer_balances_equal_the_sum_of_their_entries", "L2", _BALANCES),
    Check("charges_are_recorded_as_payments_or_balance", "Y1", _TAKEN),
)
