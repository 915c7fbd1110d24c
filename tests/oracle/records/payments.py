"""Check balance entries, refunds, and reversals against the rows that they name."""

from billing.audit.check import Check

# Every entry has a source: a credit note, a payment attempt, a payment or a refund; and an applied amount equals its
# payment.
_FOUNDED = """
    SELECT e.id AS entry_id, e.kind, e.amount, e.reference FROM invoices_balanceentry e
    LEFT JOIN invoices_invoice i ON i.id = e.document_id
    LEFT JOIN invoices_payment p ON e.kind = 'applied' AND p.invoice_id = e.document_id AND p.method = 'balance'
    LEFT JOIN invoices_paymentattempt c ON e.kind = 'overpayment' AND e.reference = 'charge:' || c.id
    LEFT JOIN invoices_refund r ON e.reference IN ('refund:' || r.id, 'refund:' || r.id || ':failed')
    WHERE (i.id IS NOT NULL
            AND (i.customer_id, i.seller_id, i.currency) <> (e.customer_id, e.seller_id, e.currency)) OR CASE e.kind
        WHEN 'applied' THEN p.id IS NULL OR p.amount <> -e.amount OR e.reference <> 'invoice:' || e.document_id
        WHEN 'credit_note' THEN i.kind <> 'credit_note' OR e.reference <> 'note:' || e.document_id
        WHEN 'overpayment' THEN c.id IS NULL AND NOT EXISTS (SELECT FROM invoices_payment o
                WHERE o.invoice_id = e.document_id AND e.reference = 'payment:' || o.invoice_id || ':' || o.reference)
            AND NOT EXISTS (SELECT FROM invoices_bankbooking k WHERE k.entry_id = e.id AND k.payment_id IS NULL
                AND k.invoice_id = e.document_id AND e.reference = 'bank:' || k.line_id || ':' || k.number)
        WHEN 'paid_out' THEN r.id IS NULL OR r.amount <> -e.amount OR r.note_id IS NOT NULL
        ELSE r.id IS NULL OR r.amount <> e.amount OR r.state <> 'declined' END
    UNION ALL
    SELECT p.id, 'payment', p.amount, p.reference FROM invoices_payment p
    WHERE p.method = 'balance' AND NOT EXISTS (SELECT FROM invoices_balanceentry e
        WHERE e.document_id = p.invoice_id AND e.kind = 'applied' AND e.amount = -p.amount)
"""

# A declined refund goes back to the balance by exactly one entry, whose reference names the refund.
_REFUNDED = """
    SELECT r.id AS refund_id, r.state, r.amount, e.amount AS kept FROM invoices_refund r
    LEFT JOIN invoices_balanceentry e ON e.customer_id = r.customer_id AND e.kind = 'not_paid_out'
        AND e.reference = 'refund:' || r.id || ':failed'
    LEFT JOIN invoices_balanceentry o ON o.customer_id = r.customer_id AND o.reference = 'refund:' || r.id
    LEFT JOIN invoices_invoice n ON n.id = r.note_id
    LEFT JOIN invoices_paymentattempt c ON c.id = r.attempt_id
    WHERE (r.state = 'declined') <> (e.id IS NOT NULL) OR (r.note_id IS NULL) <> (o.id IS NOT NULL)
        OR (n.customer_id, n.seller_id) <> (r.customer_id, r.seller_id) OR n.credit_to <> 'refund'
        OR c.provider <> r.provider
        OR c.invoice_id <> n.corrects_id OR r.settled_at < r.created_at
"""

_REVERSED = """
    SELECT b.id AS payment_id, b.amount, o.amount AS taken_back FROM invoices_payment b
    JOIN invoices_payment o ON o.id = b.reverses_id
    WHERE (b.invoice_id, b.currency, b.method, b.reference)
        IS DISTINCT FROM (o.invoice_id, o.currency, o.method, 'back:' || o.id) OR b.amount <> -o.amount
"""

CHECKS = (
    Check("balance_entries_match_their_source", "L5", _FOUNDED),
    Check("refunds_match_their_credit_notes", "L5", _REFUNDED),
    Check("payments_are_reversed_in_full", "I7", _REVERSED),
)
