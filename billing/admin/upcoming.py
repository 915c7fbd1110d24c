"""The document that comes next, as it would be issued now: through the very code that issues it."""

from dataclasses import dataclass
from datetime import datetime

from billing.closing import NothingToBill, preview
from billing.closing.usage_lines import UnpricedUsage
from billing.models import Subscription
from plans.figures import money, units


@dataclass(frozen=True, slots=True)
class UpcomingLine:
    description: str
    quantity: str
    amount: str


@dataclass(frozen=True, slots=True)
class Upcoming:
    """problem: why there is none; empty otherwise."""

    lines: list[UpcomingLine]
    net: str
    tax: str
    total: str
    problem: str = ""


def upcoming(subscription: Subscription, *, at: datetime) -> Upcoming:
    try:
        draft = preview(at=at, subscription=subscription)
    except (NothingToBill, UnpricedUsage, ValueError) as reason:
        return Upcoming([], "", "", "", str(reason))
    shown = [
        UpcomingLine(line.description, units(line.quantity, line.unit), money(line.amount, draft.currency))
        for line in draft.lines
    ]
    totals = draft.totals
    return Upcoming(shown, *(money(one, draft.currency) for one in (totals.net, totals.tax, totals.total)))
