"""
What a customer has to come is set off against what is issued next: docs/payments.md#balance.

A credit note first takes off what is still due of its invoice. What it takes back beyond that was paid, and goes
where the note says: to the customer's balance, or back to the customer. What is issued next is paid from the balance.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection

from invoices.documents.drafts import Draft
from invoices.models import Invoice
from invoices.models.invoices import InvoiceState
from invoices.payments.manual_payments import tell_paid
from invoices.payments.refunds.refund_allocation import ask_for_refunds

# What stands against a note: all that was due before it. Counted with it already, since it is issued.
_PAID_BACK = """
SELECT n.id, i.id, n.total - least(n.total, greatest(i.total - (i.credited - n.total) - i.paid + i.returned, 0))
FROM invoices_invoice n JOIN invoices_invoice i ON i.id = n.corrects_id
WHERE n.id = ANY(%(notes)s) AND i.paid > 0
ORDER BY n.id
"""

_TO_BALANCE = """
INSERT INTO invoices_balanceentry (customer_id, currency, kind, amount, document_id, reference, place, after, at)
SELECT n.customer_id, n.currency, 'credit_note', r.amount, n.id, 'note:' || n.id, 0, 0, %(at)s
FROM unnest(%(notes)s::bigint[], %(amounts)s::numeric[]) AS r(id, amount) JOIN invoices_invoice n ON n.id = r.id
ORDER BY n.id
"""

_BALANCES = """
SELECT customer_id, currency, amount FROM invoices_customerbalance
WHERE customer_id = ANY(%(customers)s) AND amount > 0 ORDER BY customer_id, currency FOR NO KEY UPDATE
"""

_APPLY = """
INSERT INTO invoices_balanceentry (customer_id, currency, kind, amount, document_id, reference, place, after, at)
SELECT i.customer_id, i.currency, 'applied', -r.amount, i.id, 'invoice:' || i.id, 0, 0, %(at)s
FROM unnest(%(invoices)s::bigint[], %(amounts)s::numeric[]) AS r(id, amount) JOIN invoices_invoice i ON i.id = r.id
ORDER BY i.id
"""

_PAY = """
INSERT INTO invoices_payment (invoice_id, amount, currency, method, reference, paid_at, reason, created_at)
SELECT i.id, r.amount, i.currency, 'balance', 'balance:' || i.id, i.issued_at, '', i.issued_at
FROM unnest(%(invoices)s::bigint[], %(amounts)s::numeric[]) AS r(id, amount) JOIN invoices_invoice i ON i.id = r.id
ORDER BY i.id
"""


def settle_issued(drafts: Sequence[Draft], *, at: datetime) -> None:
    """
    Give back what credit notes take back of paid invoices, and pay new invoices from their customers' balances.

    In the transaction that issues them, for all of them at once; who has no balance costs nothing.
    """
    notes = {draft.id: draft.credit_to for draft in drafts if draft.kind == "credit_note"}
    touched: list[int] = []
    if notes:
        touched += _pay_back(notes, at)
    invoices = [draft for draft in drafts if draft.kind == "invoice" and draft.totals.total > 0]
    if invoices:
        touched += _set_off(invoices, at)
    if touched:
        tell_paid(Invoice.objects.filter(pk__in=touched, state=InvoiceState.PAID), at=at)


def _pay_back(notes: dict[int, str], at: datetime) -> list[int]:
    """Return the invoices of these notes of which something was paid."""
    with connection.cursor() as cursor:
        cursor.execute(_PAID_BACK, {"notes": list(notes)})
        rows = cursor.fetchall()
        paid = {id_: amount for id_, _, amount in rows if amount}
        kept = {id_: amount for id_, amount in paid.items() if notes[id_] != "refund"}
        if kept:
            cursor.execute(_TO_BALANCE, {"notes": list(kept), "amounts": list(kept.values()), "at": at})
    for id_, amount in paid.items():
        if id_ not in kept:
            ask_for_refunds(note_id=id_, amount=amount, at=at)
    return [of for _, of, _ in rows]


def _set_off(invoices: Sequence[Draft], at: datetime) -> list[int]:
    """Return the invoices of which the balance paid something."""
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, {"customers": sorted({draft.customer_id for draft in invoices})})
        left: dict[tuple[int, str], Decimal] = {(id_, currency): sum_ for id_, currency, sum_ in cursor.fetchall()}
        if not left:
            return []
        applied: dict[int, Decimal] = {}
        for draft in invoices:
            owner = draft.customer_id, draft.currency
            amount = min(left.get(owner, Decimal(0)), draft.totals.total)
            if amount:
                applied[draft.id] = amount
                left[owner] -= amount
        if applied:
            asked = {"invoices": list(applied), "amounts": list(applied.values()), "at": at}
            cursor.execute(_APPLY, asked)
            cursor.execute(_PAY, asked)
    return list(applied)
