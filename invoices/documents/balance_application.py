"""
Apply credit notes and customer balances when documents are issued: docs/payments.md#customer-balance.

A credit note first reduces the amount still due of its invoice. The rest of it was paid, and goes where the credit
note says: to the customer's balance, or back to the customer. The customer's next invoice of the same
seller is paid from the balance.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection

from invoices.documents.drafts import Draft
from invoices.models import Invoice
from invoices.models.invoices import InvoiceState
from invoices.payments.manual_payments import announce_paid
from invoices.payments.refunds.refund_allocation import create_refunds

# Amount to pay back: the credit note is set off against the amount due before it. `credited` already includes the
# note, because it is issued.
_PAID_BACK = """
SELECT n.id, i.id, n.total - least(n.total, greatest(i.total - (i.credited - n.total) - i.paid + i.returned, 0))
FROM invoices_invoice n JOIN invoices_invoice i ON i.id = n.corrects_id
WHERE n.id = ANY(%(notes)s) AND i.paid > 0
ORDER BY n.id
"""

_TO_BALANCE = """
INSERT INTO invoices_balanceentry
    (customer_id, seller_id, currency, kind, amount, document_id, reference, place, after, at)
SELECT n.customer_id, n.seller_id, n.currency, 'credit_note', r.amount, n.id, 'note:' || n.id, 0, 0, %(at)s
FROM unnest(%(notes)s::bigint[], %(amounts)s::numeric[]) AS r(id, amount) JOIN invoices_invoice n ON n.id = r.id
ORDER BY n.id
"""

# Balances are locked in the order of customer, seller and currency, so that two transactions that issue can't
# deadlock or spend a balance twice.
_BALANCES = """
SELECT customer_id, seller_id, currency, amount FROM invoices_customerbalance
WHERE customer_id = ANY(%(customers)s) AND amount > 0 ORDER BY customer_id, seller_id, currency FOR NO KEY UPDATE
"""

_APPLY = """
INSERT INTO invoices_balanceentry
    (customer_id, seller_id, currency, kind, amount, document_id, reference, place, after, at)
SELECT i.customer_id, i.seller_id, i.currency, 'applied', -r.amount, i.id, 'invoice:' || i.id, 0, 0, %(at)s
FROM unnest(%(invoices)s::bigint[], %(amounts)s::numeric[]) AS r(id, amount) JOIN invoices_invoice i ON i.id = r.id
ORDER BY i.id
"""

_PAY = """
INSERT INTO invoices_payment (invoice_id, amount, currency, method, reference, paid_at, reason, created_at)
SELECT i.id, r.amount, i.currency, 'balance', 'balance:' || i.id, i.issued_at, '', i.issued_at
FROM unnest(%(invoices)s::bigint[], %(amounts)s::numeric[]) AS r(id, amount) JOIN invoices_invoice i ON i.id = r.id
ORDER BY i.id
"""


def apply_credits_and_balances(drafts: Sequence[Draft], *, at: datetime) -> None:
    """
    Return the paid part of credit notes to its customers, and pay new invoices from their customers' balances.

    Runs in the transaction that issues the documents, in a fixed number of statements; a customer without a balance
    costs nothing.
    """
    credit_to_by_note = {draft.id: draft.credit_to for draft in drafts if draft.kind == "credit_note"}
    invoice_ids: list[int] = []
    if credit_to_by_note:
        invoice_ids += _return_credited_payments(credit_to_by_note, at)
    invoices = [draft for draft in drafts if draft.kind == "invoice" and draft.totals.total > 0]
    if invoices:
        invoice_ids += _apply_balances(invoices, at)
    if invoice_ids:
        announce_paid(Invoice.objects.filter(pk__in=invoice_ids, state=InvoiceState.PAID), at=at)


def _return_credited_payments(credit_to_by_note: dict[int, str], at: datetime) -> list[int]:
    """
    Move the paid part of credit notes to balances and refunds; return the ids of their invoices that were paid on.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PAID_BACK, {"notes": list(credit_to_by_note)})
        rows = cursor.fetchall()
        amounts_to_return = {note_id: amount for note_id, _, amount in rows if amount}
        amounts_to_balance = {
            note_id: amount for note_id, amount in amounts_to_return.items() if credit_to_by_note[note_id] != "refund"
        }
        if amounts_to_balance:
            cursor.execute(
                _TO_BALANCE,
                {"notes": list(amounts_to_balance), "amounts": list(amounts_to_balance.values()), "at": at},
            )
    for note_id, amount in amounts_to_return.items():
        if note_id not in amounts_to_balance:
            create_refunds(note_id=note_id, amount=amount, at=at)
    return [invoice_id for _, invoice_id, _ in rows]


def _apply_balances(invoices: Sequence[Draft], at: datetime) -> list[int]:
    """Pay the invoices from their customers' balances; return the ids of the invoices that received a payment."""
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, {"customers": sorted({draft.customer_id for draft in invoices})})
        remaining: dict[tuple[int, int, str], Decimal] = {
            (customer_id, seller_id, currency): amount for customer_id, seller_id, currency, amount in cursor
        }
        if not remaining:
            return []
        applied: dict[int, Decimal] = {}
        for draft in invoices:
            balance_key = draft.customer_id, draft.seller_id, draft.currency
            amount = min(remaining.get(balance_key, Decimal(0)), draft.totals.total)
            if amount:
                applied[draft.id] = amount
                remaining[balance_key] -= amount
        if applied:
            parameters: dict[str, list[int] | list[Decimal] | datetime] = {
                "invoices": list(applied),
                "amounts": list(applied.values()),
                "at": at,
            }
            cursor.execute(_APPLY, parameters)
            cursor.execute(_PAY, parameters)
    return list(applied)
