"""The document that comes next, as it would be issued now: through the very code that issues it."""

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
    """credits: the credit notes that go out with it. problem: why there is none; empty otherwise."""

    lines: list[UpcomingLine]
    net: str
    tax: str
    total: str
    problem: str = ""
    credits: tuple[str, ...] = ()


def upcoming(subscription: Subscription, *, at: datetime) -> Upcoming:
    try:
        draft = preview(at=at, subscription=subscription)
    except (NothingToBill, UnpricedUsage, ValueError) as reason:
        return Upcoming([], "", "", "", str(reason))
    shown = [
        UpcomingLine(
            line.description, format_units(line.quantity, line.unit), format_money(line.amount, draft.currency)
        )
        for line in draft.lines
    ]
    totals = draft.totals
    figures = (format_money(one, draft.currency) for one in (totals.net, totals.tax, totals.total))
    return Upcoming(shown, *figures, credits=credits_shown(draft))


def credits_shown(draft: Draft) -> tuple[str, ...]:
    """Return what the credit notes that go out with a document take back, in sentences."""
    invoices = Invoice.objects.in_bulk([one.corrects_id for one in draft.credit_notes])
    return tuple(
        f"A credit note on {invoices[one.corrects_id]} gives back {format_money(one.totals.total, draft.currency)}, tax"
        f" included: {', '.join(line.description for line in one.lines)}."
        for one in draft.credit_notes
    )
