"""Check payments: the invoices they pay, and their sums."""

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
        SELECT t.*, w.customer_id, w.unit,
            'wallet:' || t.wallet_id || ':' || split_part(t.reference, ':', 3) AS paid_as
        FROM wallets_transaction t JOIN wallets_wallet w ON w.id = t.wallet_id WHERE t.kind = 'pay'
    ) t ON t.paid_as = p.reference AND split_part(t.reference, ':', 2) = p.invoice_id::text
    WHERE (p.method = 'wallet' OR t.id IS NOT NULL) AND (
        (p.method, i.customer_id, p.currency, -p.amount, p.created_at)
        IS DISTINCT FROM ('wallet', t.customer_id, t.unit, t.units, t.at))
"""

CHECKS = (
    Check("payments_are_counted_on_their_invoice", "I7", _COUNTED),
    Check("wallets_paid_what_left_them", "I7", _FROM_WALLETS),
)
