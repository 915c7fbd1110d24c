"""Build the draft of a credit note from the amounts to credit."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from invoices.amounts.totals import total_up_credit
from invoices.credit_notes.creditable_lines import CreditableInvoice, CreditableLine
from invoices.documents.drafts import Draft, DraftLine
from invoices.models.invoices import CreditTo
from lib.decimals import to_plain_string

ONE = Decimal(1)


class LineCredit(msgspec.Struct, frozen=True):
    """
    An amount to credit of one line; it has the line's sign.

    kind: "usage_credit" or "fee_credit" if it follows from usage or a fee; explanation: then the JSON explanation, in
        the form of the line's own.
    unserved: the time that it is for, if that is a part of the line's service period.
    """

    line: CreditableLine
    amount: Decimal
    kind: str = "credit"
    explanation: bytes | None = None
    unserved: tuple[datetime, datetime] | None = None


def draft_credit_note(creditable: CreditableInvoice, credits: Sequence[LineCredit], *, reason: str, to: str) -> Draft:
    """
    Return the credit note of an invoice over these amounts, with its totals.

    It copies both parties' details from the invoice, and each line is taxed like the line that it credits. A refund
    within the amount due is an offset, since no money goes back.
    """
    invoice = creditable.invoice
    draft = Draft(
        kind="credit_note",
        reference=f"credit:{invoice.pk}:{creditable.note_count + 1}",
        corrects_id=invoice.pk,
        reason=reason,
        credit_to=to,
        seller_id=invoice.seller_id,
        customer_id=invoice.customer_id,
        sandbox=invoice.sandbox,
        currency=str(invoice.currency),
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        seller_facts=msgspec.json.encode(invoice.seller_facts),
        buyer_facts=msgspec.json.encode(invoice.buyer_facts),
        seller_zone=invoice.seller_facts.get("time_zone") or "UTC",
        net_days=0,
        includes_tax=invoice.includes_tax,
        purchase_order=invoice.purchase_order,
        lines=[_line(credit) for credit in credits],
    )
    draft.totals = total_up_credit(
        [(credit.amount, *credit.line.taxes) for credit in credits],
        draft.currency,
        credited_before=[(line.credited, *line.taxes) for line in creditable.lines if line.credited],
        taxes_before=creditable.tax_sums,
        includes_tax=invoice.includes_tax,
    )
    if to == CreditTo.REFUND and draft.totals.total <= invoice.due:
        draft.credit_to = CreditTo.OFFSET.value
    return draft


def _line(credit: LineCredit) -> DraftLine:
    line = credit.line
    starts_at, ends_at = credit.unserved or (line.service_start, line.service_end)
    formula = msgspec.json.encode({"formula": to_plain_string(credit.amount), "of": to_plain_string(line.net)})
    return DraftLine(
        kind=credit.kind,
        description=line.description,
        service_start=starts_at,
        service_end=ends_at,
        quantity=ONE,
        unit="",
        amount=credit.amount,
        taxes=line.taxes,
        explanation=credit.explanation or formula,
        corrects_line_id=line.id,
    )
