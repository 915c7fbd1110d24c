"""Retention, churn and the figures per customer, from exact sums."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

Number = int | Decimal | Fraction
HUNDRED = 100


def ratio(part: Number, whole: Number) -> Fraction | None:
    """Return part ÷ whole exactly; None where the whole is zero, so that the figure stays empty."""
    return Fraction(part) / Fraction(whole) if whole else None


@dataclass(frozen=True, slots=True)
class Retention:
    """
    The customers that had recurring revenue then, and what they have now; newcomers don't count.

    then, now: their revenue. kept: the sum of the smaller of both by customer. customers, kept_customers: their
    number, and how many still have revenue.
    """

    then: Fraction
    now: Fraction
    kept: Fraction
    customers: int
    kept_customers: int

    @property
    def net(self) -> Fraction | None:
        """Net revenue retention (NRR)."""
        return ratio(self.now, self.then)

    @property
    def gross(self) -> Fraction | None:
        """Gross revenue retention (GRR), which counts no expansion."""
        return ratio(self.kept, self.then)

    @property
    def logos(self) -> Fraction | None:
        """The share of customers kept."""
        return ratio(self.kept_customers, self.customers)


def retention(then: Mapping[str, Number], now: Mapping[str, Number]) -> Retention:
    """
    Compare two month ends, customer → recurring revenue at each.

    Source: docs/metrics.md#retention.
    """
    pairs = [(Fraction(amount), Fraction(now.get(customer, 0))) for customer, amount in then.items() if amount > 0]
    return Retention(
        then=sum((before for before, _ in pairs), Fraction(0)),
        now=sum((after for _, after in pairs), Fraction(0)),
        kept=sum((min(pair) for pair in pairs), Fraction(0)),
        customers=len(pairs),
        kept_customers=sum(after > 0 for _, after in pairs),
    )


def churn_rate(lost: Number, opening: Number) -> Fraction | None:
    """
    Return lost ÷ those at the beginning, of customers or of revenue; None if there were none.

    Source: docs/metrics.md#churn.
    """
    return ratio(lost, opening)


def arpa(revenue: Number, customers: int) -> Fraction | None:
    """Return the average revenue per account: recurring revenue ÷ paying customers; None without customers."""
    return ratio(revenue, customers)


def lifetime_value(account_revenue: Number, margin: Number, churned: Number) -> Fraction | None:
    """
    Return ARPA × margin ÷ churn rate; None where the churn rate is zero, since no lifetime can be estimated.

    margin, churned: as fractions of 1, exact.

    Source: docs/metrics.md#lifetime-value.
    """
    return ratio(Fraction(account_revenue) * Fraction(margin), churned)


def quick_ratio(gains: Number, losses: Number) -> Fraction | None:
    """
    Return gains ÷ losses; None where nothing was lost.

    gains: new + expansion + reactivation. losses: contraction + churn, of either sign.

    Source: docs/metrics.md#quick-ratio.
    """
    return ratio(gains, -losses if losses < 0 else losses)


def to_percent(share: Fraction) -> Fraction:
    """Return a share in percent."""
    return share * HUNDRED


def expected_survivors(customers: int, churned: Number, periods: int) -> list[Fraction]:
    """
    Return how many of a cohort are left after each of `periods`, exactly, if a fixed share leaves in each.

    churned: as a fraction of 1.
    """
    rate = 1 - Fraction(churned)
    return [customers * rate**number for number in range(1, periods + 1)]
