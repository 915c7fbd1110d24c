"""
What usage that came after its period was billed comes to, whatever becomes of it: by the code that bills it.

Source: docs/closing.md#late-usage.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.closing.batch import describe_error
from billing.closing.commitments.contract_state import attach_commitments
from billing.closing.invoice_assembly import late_amount
from billing.closing.period_reader import read_late_periods, read_periods_to_close
from billing.models import Period
from invoices.documents.seller_terms import read_sellers
from lib.decimals import EXACT, ZERO

MAX_PERIODS = 1_000
"""Late periods looked at, those that became late last: a page must come soon, however much is only reported."""


@dataclass(frozen=True, slots=True)
class LateUsageRow:
    """
    A period that is closed, and to which usage has come since.

    amount: what is to be billed beyond what was claimed, commitments included, before coupons and tax; below zero
    where it comes to less by now. None where it cannot be priced: problem says why.
    policy: what the seller lets become of it.
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
    """All of it, the latest first. is_all: whether every late period was looked at."""

    rows: tuple[LateUsageRow, ...]
    is_all: bool

    @property
    def totals(self) -> dict[tuple[str, str], Decimal]:
        """Return (policy, currency) → what late usage comes to in all, where that is known."""
        found: dict[tuple[str, str], Decimal] = {}
        for one in self.rows:
            if one.amount is not None:
                key = one.policy, one.currency
                found[key] = EXACT.add(found.get(key, ZERO), one.amount)
        return found


def report_late_usage(
    *,
    sandbox: bool = False,
    customer: str | None = None,
    policy: str | None = None,
    seller: int | None = None,
    until: datetime | None = None,
) -> LateReport:
    """
    Return what is late with one customer, the customers of a seller, or all, under one policy or any, in a fixed
    number of statements.

    until: of periods that were over then.
    """
    found = Period.objects.late().with_parties().filter(subscription__sandbox=sandbox)
    if seller is not None:
        found = found.filter(subscription__customer__seller=seller)
    if until is not None:
        found = found.filter(ends_at__lte=until)
    if customer is not None:
        found = found.filter(subscription__customer__external_id=customer)
    if policy is not None:
        found = found.filter(subscription__customer__seller__late_usage=policy)
    periods = list(found.order_by("-late_since", "-pk")[: MAX_PERIODS + 1])
    return LateReport(tuple(price_late_usage(periods[:MAX_PERIODS])), is_all=len(periods) <= MAX_PERIODS)


def price_late_usage(periods: Iterable[Period]) -> list[LateUsageRow]:
    """Return what late usage of these periods comes to, in their order; each has its customer and seller loaded."""
    periods = list(periods)
    amounts = _amounts(periods) if periods else {}
    found = []
    for one in periods:
        customer = one.subscription.customer
        amount, problem = amounts[one.pk]
        found.append(
            LateUsageRow(
                period_id=one.pk,
                customer=customer.external_id,
                subscription=one.subscription.external_id,
                starts_at=one.starts_at,
                ends_at=one.ends_at,
                late_since=one.late_since,
                policy=customer.seller.late_usage,
                currency=str(one.subscription.currency),
                amount=amount,
                problem=problem,
            )
        )
    return found


def _amounts(periods: Iterable[Period]) -> dict[int, tuple[Decimal | None, str]]:
    """Return period → what it comes to, or why that is not known."""
    of_subscription: dict[int, list[int]] = {}
    for one in periods:
        of_subscription.setdefault(one.subscription_id, []).append(one.pk)
    late = read_late_periods(of_subscription)
    closings = read_periods_to_close([ids[0] for ids in of_subscription.values()])
    for closing in closings.values():
        closing.late_periods = late[closing.subscription_id]
    attach_commitments(closings.values())
    sellers = read_sellers({one.buyer.seller_id for one in closings.values()})
    found: dict[int, tuple[Decimal | None, str]] = {}
    for closing in closings.values():
        for one in closing.late_periods:
            try:
                found[one.span.period_id] = late_amount(one, closing, sellers[closing.buyer.seller_id]), ""
            except Exception as error:
                found[one.span.period_id] = None, describe_error(error)
    return found
