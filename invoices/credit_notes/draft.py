"""From what is to be taken back to a credit note, not written yet."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from invoices.credit_notes.creditable_lines import Creditable, CreditableLine
from invoices.documents.drafts import Draft, DraftLine
from invoices.documents.totals import total_up_credit
from lib.decimals import plain

ONE = Decimal(1)


class Credit(msgspec.Struct, frozen=True):
    """
    What is taken back of one line: its sign is the line's.

    kind: "usage_credit" or "fee_credit" where it follows from usage or a fee; explanation: JSON then, as of the line
    that it stands for.
    """

    line: CreditableLine
    amount: Decimal
    kind: str = "credit"
    explanation: bytes | None = None


def credit_note(of: Creditable, credits: Sequence[Credit], *, reason: str, to: str) -> Draft:
    """
    Return the credit note of an invoice over these amounts, with its totals.

    It copies both parties' facts from the invoice, and each line is taxed at the rate of the line that it is of.
    """
    invoice = of.invoice
    draft = Draft(
        kind="credit_note",
        reference=f"credit:{invoice.pk}:{of.notes + 1}",
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
        lines=[_line(one) for one in credits],
    )
    draft.totals = total_up_credit(
        [(one.amount, *one.line.taxes) for one in credits],
        draft.currency,
        before=[(line.credited, *line.taxes) for line in of.lines if line.credited],
        earlier=of.taxed,
        includes_tax=invoice.includes_tax,
    )
    return draft


def _line(credit: Credit) -> DraftLine:
    line = credit.line
    formula = msgspec.json.encode({"formula": plain(credit.amount), "of": plain(line.net)})
    return DraftLine(
        kind=credit.kind,
        description=line.description,
        service_start=line.service_start,
        service_end=line.service_end,
        quantity=ONE,
        unit="",
        amount=credit.amount,
        taxes=line.taxes,
        explanation=credit.explanation or formula,
        corrects_line_id=line.id,
    )
