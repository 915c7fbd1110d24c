"""
What a month earns does not depend on when it is computed, and the months of a period's usage add up to its lines:
docs/recognition.md#usage.
"""

from decimal import Decimal

import pytest

from billing.closing import bill_reached_thresholds
from billing.models import Accrual, AccruedAmount, BilledUsage
from tests.billing.revenue.accruals.accrual_setup import accrue_at, close, metered, priced, revenue, subscribed, use
from tests.billing.revenue.book_setup import moment
from tests.builders import offer, rate, threshold, tier

pytestmark = pytest.mark.django_db

LADDER = {"tiers": [tier(10, "1.00"), tier(None, "0.30")]}
NUMBERS = [("2025-12-20", 4), ("2026-01-20", 7), ("2026-01-31T23:30", 9), ("2026-02-01", 8), ("2026-02-10T12:30", 6)]
TEXTS = [("2025-12-20", "a"), ("2026-01-20", "b"), ("2026-01-25", "a"), ("2026-02-01", "c"), ("2026-02-02", "b")]


def by_window(unit: str, every: int = 1, aggregation: str = "sum"):
    return priced(metered(aggregation), **LADDER, price={"resets_unit": unit, "resets_every": every})


def per_event(**fields):
    return offer(metered(price_property="price"), rates=[rate(**fields)], currency="EUR")


def split(**price):
    return priced(metered(dimensions=["model"]), **LADDER, included=3, price={"split_by": "model", **price})


def by_model():
    rates = [rate("2.00", match={"model": "m7"}), rate(**LADDER)]
    return offer(metered(dimensions=["model"]), rates=rates, currency="EUR", included=2)


def held(by: str):
    fields = {"operation_property": "op", "recurring": True, "held_by": by}
    return priced(metered("unique", **fields), "31.00")


OFFERS = {
    "a sum with tiers and an allowance": lambda: priced(metered(), **LADDER, included=2),
    "a price by dimension": by_model,
    "a flat fee and a package": lambda: priced(
        metered(), tiers=[tier(5, "1.00", "3.00"), tier(None, "0.50", "2.00")]
    ),
    "windows of a day": lambda: by_window("day"),
    "windows of seven hours": lambda: by_window("hour", 7),
    "a window of several periods": lambda: by_window("year"),
    "the maximum of each day": lambda: by_window("day", aggregation="max"),
    "a maximum": lambda: priced(metered("max"), "1.00"),
    "an average": lambda: priced(metered("average"), "1.00"),
    "a latest value that lasts": lambda: priced(metered("latest", recurring=True), "1.00"),
    "a level that lasts": lambda: priced(metered("sum", recurring=True), "1.00"),
    "deltas over time": lambda: priced(metered("weighted_sum", recurring=True), "1.00"),
    "levels over time": lambda: priced(metered("weighted_sum", measures="levels", recurring=True), "1.00"),
    "a share of each value": lambda: per_event(model="percentage", percent=Decimal("1.5"), free_events=1),
    "the event's own price": lambda: per_event(model="dynamic"),
    "a split price": split,
    "a split price with an allowance per value": lambda: split(allowance_per_value=True),
    "a minimum": lambda: priced(metered(), "1.00", minimum="90.00"),
}
OFFERS_OF_TEXTS = {
    "distinct values": lambda: priced(metered("unique"), "1.00"),
    "distinct values that stay": lambda: priced(metered("unique", recurring=True), "1.00"),
    "values held to the second": lambda: held("second"),
    "values held by the day": lambda: held("day"),
}


def january(subscription) -> dict[str, Decimal]:
    """Return what the period that contains the end of January has earned by then."""
    amounts = AccruedAmount.objects.filter(
        accrual__month="2026-01-01", accrual__period__starts_at=moment("2026-01-15"), is_uninvoiced=False
    )
    return dict(amounts.values_list("kind", "amount"))


def compute_again(subscription, at: str) -> dict[str, Decimal]:
    AccruedAmount.objects.all().delete()
    Accrual.objects.all().delete()
    counts = accrue_at(subscription.customer.seller, at)
    assert not counts.failed, list(Accrual.objects.failed().values_list("error", flat=True))
    return january(subscription)


@pytest.mark.parametrize(
    ("described", "usage"),
    [pytest.param(OFFERS[name], NUMBERS, id=name) for name in OFFERS]
    + [pytest.param(OFFERS_OF_TEXTS[name], TEXTS, id=name) for name in OFFERS_OF_TEXTS],
)
def test_a_month_earns_the_same_whenever_it_is_computed(described, usage):
    offered = described()
    subscription = subscribed([offered], starts_at="2025-12-15")
    seller, sent = subscription.customer.seller, iter(usage)

    def send(count: int) -> None:
        for _ in range(count):
            at, quantity = next(sent)
            operation = "remove" if at == "2026-02-02" else "add"
            use(subscription, offered["feature"], quantity, at, model=f"m{quantity}", price="1.25", op=operation)

    send(1)
    close("2026-01-15T02:00")
    send(2)
    on_time = compute_again(subscription, "2026-02-01")
    send(2)
    assert on_time, "the case earns nothing in January"
    assert compute_again(subscription, "2026-02-12") == on_time
    close("2026-02-15T02:00")
    assert compute_again(subscription, "2026-02-15T03:00") == on_time
    assert not AccruedAmount.objects.filter(is_uninvoiced=True, accrual__period__state="closed").exists()
    months = revenue(seller, "2026-02-15T03:00")
    running = sum(
        AccruedAmount.objects.filter(accrual__period__state="open", accrual__month="2026-02-01").values_list(
            "amount", flat=True
        )
    )
    lines = BilledUsage.objects.filter(period__subscription=subscription).values_list("line__amount", flat=True)
    assert sum(map(Decimal, months.values())) - running == sum(lines)


def test_usage_that_a_threshold_invoiced_is_earned_once():
    offered = priced(metered(), "1.00")
    subscription = subscribed([offered], thresholds=[threshold("50.00", currency="EUR")])
    seller = subscription.customer.seller
    use(subscription, offered["feature"], 60, "2026-01-20")
    bill_reached_thresholds(at=moment("2026-01-21"))
    use(subscription, offered["feature"], 7, "2026-01-25")
    use(subscription, offered["feature"], 5, "2026-02-03")
    assert revenue(seller, "2026-02-04") == {"2026-01": "67.00", "2026-02": "5.00"}
    close("2026-02-15T02:00")
    assert compute_again(subscription, "2026-02-15T03:00") == {"usage": 7}
    assert revenue(seller, "2026-02-15T03:00") == {"2026-01": "67.00", "2026-02": "5.00"}
