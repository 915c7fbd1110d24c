"""The movements of a customer's account with a seller, each from the row that caused it."""

from decimal import Decimal
from typing import NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class MovementKind(TextChoices):
    """Kinds in the order in which movements of the same time are listed."""

    INVOICE = "invoice", _("Invoice")
    CREDIT_NOTE = "credit_note", _("Credit note")
    PAYMENT = "payment", _("Payment")
    PAYMENT_REVERSED = "payment_reversed", _("Payment reversed")
    OVERPAYMENT = "overpayment", _("Overpayment")
    WALLET_PAYMENT = "wallet_payment", _("Paid from prepaid credits")
    REFUND = "refund", _("Refund")
    WRITE_OFF = "write_off", _("Write-off")
    RECOVERY = "recovery", _("Write-off reversed")


class MovementTotals(NamedTuple):
    """The sums of a statement's movements of each kind."""

    kind: str
    amount: Decimal


# A payment from the customer balance moves money within the account, so it is no movement: the credit note or the
# overpayment that filled the balance is one. A payment before the issue of its invoice counts from the issue on, as
# in the books. What clears a written-off invoice later takes as much of its write-off back, whatever it clears.
MOVEMENTS = """
SELECT i.issued_at AS at, CASE i.kind WHEN 'credit_note' THEN 'credit_note' ELSE 'invoice' END AS kind,
    CASE i.kind WHEN 'credit_note' THEN -i.total ELSE i.total END AS amount, i.id AS invoice_id, i.number,
    '' AS reference, i.id AS row_id
FROM invoices_invoice i WHERE {own} AND i.state <> 'draft'
UNION ALL
SELECT greatest(p.paid_at, i.issued_at), CASE WHEN p.method = 'wallet' THEN 'wallet_payment'
        WHEN p.amount < 0 THEN 'payment_reversed' ELSE 'payment' END, -p.amount, i.id, i.number, p.reference, p.id
FROM invoices_invoice i JOIN invoices_payment p ON p.invoice_id = i.id AND p.method <> 'balance' WHERE {own}
UNION ALL
SELECT e.at, 'overpayment', -e.amount, i.id, i.number, e.reference, e.id
FROM invoices_balanceentry e LEFT JOIN invoices_invoice i ON i.id = e.document_id
WHERE e.customer_id = %(customer)s AND e.seller_id = %(seller)s AND e.currency = %(currency)s
    AND e.kind = 'overpayment'
UNION ALL
SELECT r.settled_at, 'refund', r.amount, n.id, coalesce(n.number, ''), r.ref, r.id
FROM invoices_refund r LEFT JOIN invoices_invoice n ON n.id = r.note_id
WHERE r.customer_id = %(customer)s AND r.seller_id = %(seller)s AND r.currency = %(currency)s
    AND r.state = 'succeeded'
UNION ALL
SELECT w.at, 'write_off', -w.amount, i.id, i.number, '', w.id
FROM invoices_invoice i JOIN invoices_writeoff w ON w.invoice_id = i.id WHERE {own}
UNION ALL
SELECT greatest(p.paid_at, w.at), 'recovery', p.amount, i.id, i.number, p.reference, p.id
FROM invoices_invoice i JOIN invoices_writeoff w ON w.invoice_id = i.id
JOIN invoices_payment p ON p.invoice_id = i.id AND p.created_at > w.at WHERE {own}
UNION ALL
SELECT n.issued_at, 'recovery', n.total
    - coalesce((SELECT sum(e.amount) FROM invoices_balanceentry e
        WHERE e.document_id = n.id AND e.kind = 'credit_note'), 0)
    - coalesce((SELECT sum(f.amount) FROM invoices_refund f WHERE f.note_id = n.id), 0),
    i.id, i.number, n.number, n.id
FROM invoices_invoice i JOIN invoices_writeoff w ON w.invoice_id = i.id
JOIN invoices_invoice n ON n.corrects_id = i.id AND n.kind = 'credit_note' AND n.issued_at > w.at WHERE {own}
""".replace("{own}", "i.customer_id = %(customer)s AND i.seller_id = %(seller)s AND i.currency = %(currency)s")
"""
All movements of an account: `at`, `kind`, `amount` (above zero if the customer owes more), `invoice_id`, `number`,
`reference` and `row_id`. Parameters: customer, seller, currency.
"""
