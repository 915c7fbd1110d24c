"""The next invoice as it would be issued now, by the code that issues it."""

from dataclasses import dataclass
from datetime import datetime

from billing.closing import NothingToBill, preview
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from invoices.documents.drafts import Draft
from invoices.models import Invoice
from lib.formats import format_money, format_units


@dataclass(frozen=True, slots=True)
class UpcomingLine:
    description: str
    quantity: str
    amount: str


@dataclass(frozen=True, slots=True)
class Upcoming:
    """
    The next invoice as text. credits: sentences about its credit notes. problem: why there is no invoice; else empty.
    """

    lines: list[UpcomingLine]
    net: str
    tax: str
    total: str
    problem: str = ""
    credits: tuple[str, ...] = ()


def upcoming(subscription: Subscription, *, at: datetime) -> Upcoming:
    try:
        draft = preview(at=at, subscription=subscription)
    except (NothingToBill, UnpricedUsage, ValueError) as error:
        return Upcoming([], "", "", "", str(error))
    lines = [
        UpcomingLine(
            line.description, format_units(line.quantity, line.unit), format_money(line.amount, draft.currency)
        )
        for line in draft.lines
    ]
    totals = draft.totals
    return Upcoming(
        lines,
        net=format_money(totals.net, draft.currency),
        tax=format_money(totals.tax, draft.currency),
        total=format_money(totals.total, draft.currency),
        credits=credits_shown(draft),
    )


def credits_shown(draft: Draft) -> tuple[str, ...]:
    """Return the credit notes that would be issued with an invoice, one sentence each."""
    invoices = Invoice.objects.in_bulk([credit_note.corrects_id for credit_note in draft.credit_notes])
    return tuple(
        f"A credit note on {invoices[credit_note.corrects_id]} gives back "
        f"{format_money(credit_note.totals.total, draft.currency)}, tax"
        f" included: {', '.join(line.description for line in credit_note.lines)}."
        for credit_note in draft.credit_notes
    )
