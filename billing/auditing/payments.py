"""Payments: whose they are, and what they come to."""

from billing.auditing.checks import Check

_COUNTED = """
    SELECT i.id AS invoice_id, i.state, i.total, i.credited, i.paid, p.paid AS payments FROM invoices_invoice i
    LEFT JOIN LATERAL (
        SELECT sum(p.amount) AS paid, bool_and(p.currency = i.currency) AS same,
            bool_or(p.paid_at > p.created_at OR p.created_at < i.issued_at) AS early
        FROM invoices_payment p WHERE p.invoice_id = i.id
    ) p ON true
    WHERE i.paid <> coalesce(p.paid, 0) OR i.paid > i.total OR NOT coalesce(p.same, true) OR p.early
        OR (i.kind = 'credit_note' AND i.paid <> 0)
        OR (i.kind = 'invoice' AND i.state = 'paid') <> (i.paid > 0 AND i.paid + i.credited >= i.total)
"""

CHECKS = (Check("payments_are_counted_on_their_invoice", "I7", _COUNTED),)
