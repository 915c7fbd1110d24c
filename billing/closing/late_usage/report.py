"""
The amounts of late usage under every policy, calculated by the code that bills it.

Source: docs/closing.md#late-usage.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.closing.batch import describe_error
from billing.closing.invoice_assembly import late_amount
from billing.closing.invoice_inputs import with_late_usage
from billing.closing.period_reader import read_due_periods
from billing.models import Period
from invoices.documents.seller_terms import read_sellers
from lib.decimals import EXACT, ZERO

MAX_PERIODS = 1_000
"""
Number of late periods examined, the most recent first, so that a page loads fast however many are only reported.
"""


@dataclass(frozen=True, slots=True)
class LateUsageRow:
    """
    A closed period that has received usage since.

    amount: due beyond the billed amount, including commitments, before coupons and tax; negative if usage now costs
        less. None if it cannot be priced; `problem` gives the reason.
    policy: the seller's policy for late usage.
    """

    period_id: int
    customer: str
    subscription: str
    starts_at: datetime
    ends_at: datetime
    late_since: datetime
    policy: str
    currency: str
    amount: Decimal | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LateReport:
    """Late periods, the latest first. is_all: whether every late period was examined."""

    rows: tuple[LateUsageRow, ...]
    is_all: bool

    @property
    def totals(self) -> dict[tuple[str, str], Decimal]:
        """Return (policy, currency) → total of late usage, of the periods with a known amount."""
        totals: dict[tuple[str, str], Decimal] = {}
        for row in self.rows:
            if row.amount is not None:
                key = row.policy, row.currency
                totals[key] = EXACT.add(totals.get(key, ZERO), row.amount)
        return totals


def report_late_usage(
    *,
    sandbox: bool = False,
    customer: str | None = None,
    policy: str | None = None,
    seller: int | None = None,
    until: datetime | None = None,
) -> LateReport:
    """
    Return late usage of one customer, of a seller's customers, or of all, under one policy or any, in a fixed number
    of statements.

    until: limit to periods that had ended by then.
    """
    selected = Period.objects.late().with_parties().filter(subscription__sandbox=sandbox)
    if seller is not None:
        selected = selected.filter(subscription__seller=seller)
    if until is not None:
        selected = selected.filter(ends_at__lte=until)
    if customer is not None:
        selected = selected.filter(subscription__customer__external_id=customer)
    if policy is not None:
        selected = selected.filter(subscription__seller__late_usage=policy)
    latest = list(selected.order_by("-late_since", "-pk")[: MAX_PERIODS + 1])
    return LateReport(tuple(price_late_usage(latest[:MAX_PERIODS])), is_all=len(latest) <= MAX_PERIODS)


def price_late_usage(periods: Iterable[Period]) -> list[LateUsageRow]:
    """Return the amounts of late usage for these periods, in their order; each has its customer and seller loaded."""
    periods = list(periods)
    amounts = _amounts(periods) if periods else {}
    rows = []
    for period in periods:
        assert period.late_since is not None  # noqa: S101  only late periods are passed
        customer = period.subscription.customer
        amount, problem = amounts[period.pk]
        rows.append(
            LateUsageRow(
                period_id=period.pk,
                customer=customer.external_id,
                subscription=period.subscription.external_id,
                starts_at=period.starts_at,
                ends_at=period.ends_at,
                late_since=period.late_since,
                policy=period.subscription.seller.late_usage,
                currency=str(period.subscription.currency),
                amount=amount,
                problem=problem,
            )
        )
    return rows


def _amounts(late_periods: Iterable[Period]) -> dict[int, tuple[Decimal | None, str]]:
    """Return period → its amount, or None and the reason."""
    ids_by_subscription: dict[int, list[int]] = {}
    for period in late_periods:
        ids_by_subscription.setdefault(period.subscription_id, []).append(period.pk)
    # Any late period of a subscription serves: only buyer, seller and contract are read from it.
    due_periods = read_due_periods([ids[0] for ids in ids_by_subscription.values()])
    sellers = read_sellers({due.buyer.seller_id for due in due_periods.values()})
    amounts: dict[int, tuple[Decimal | None, str]] = {}
    for closing in with_late_usage(due_periods.values(), ids_by_subscription):
        seller, cycles = sellers[closing.buyer.seller_id], dict(closing.commitments)
        for late_period in closing.late_periods:
            try:
                amounts[late_period.span.period_id] = late_amount(late_period, closing, seller, cycles), ""
            # Any error: one period that can't be priced must not hide the others.
            except Exception as error:
                amounts[late_period.span.period_id] = None, describe_error(error)
    return amounts
