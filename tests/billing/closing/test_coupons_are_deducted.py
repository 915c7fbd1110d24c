"""Coupons are deducted from the remaining amount, in their order, on the first invoices up to their number."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.closing import close_due, preview
from billing.models import CouponLine, Subscription
from billing.subscriptions import apply_coupon, remove_coupon
from invoices.models import Discount, Invoice, Line
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    assert_invoices_clean,
    commitment,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def subscription_with(*coupons: Any, fees: list | None = None, **fields: Any) -> Subscription:
    fees = [fee("60", billed="arrears", label="Base")] if fees is None else fees
    offers = [offer("api.calls", rates=[rate("1")])]
    version = publish(make_plan(fees=fees, offers=offers, **fields))
    return subscribe(make_customer(), version, coupons=coupons)


def coupon_of(text: str, **fields: Any) -> Any:
    """Make a coupon from its notation on the page: 25%, 10.00, 10% of api.calls, 5.00 of base."""
    figure, _, scope = text.partition(" of ")
    kind, figure = ("percent", figure[:-1]) if figure.endswith("%") else ("amount", figure)
    scopes = {"api.calls": {"features": ["api.calls"]}, "base": {"fees": ["base"]}, "": {}}
    return make_coupon(**{kind: figure}, **scopes[scope], **fields)


def nets() -> list[Decimal]:
    return [invoice.net.amount for invoice in Invoice.objects.order_by("id")]


CASES = [tuple(row.values()) for row in rows("closing.md", "coupons")]


@pytest.mark.parametrize(("coupons", "lines", "net", "why"), CASES)
def test_an_invoice_has_the_documented_total(coupons: str, lines: str, net: str, why: str):
    subscription = subscription_with(*[coupon_of(text) for text in coupons.split(", ")])
    use(subscription, "api.calls", 40)
    close_due(at=FEB + HOUR)
    amounts = Line.objects.filter(kind="coupon").order_by("id").values_list("amount", flat=True)
    assert (", ".join(f"{amount:.2f}" for amount in amounts), f"{nets()[0]:.2f}") == (lines, net), why


DURATIONS = [
    # duration, periods, totals of four months of 60.00
    ("once", None, [45, 60, 60, 60]),
    ("periods", 3, [45, 45, 45, 60]),
    ("forever", None, [45, 45, 45, 45]),
]


@pytest.mark.parametrize(("duration", "periods", "expected"), DURATIONS)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_coupon_lasts_for_its_duration(duration: str, periods: int | None, expected: list[int], at_once: bool):
    subscription_with(make_coupon(percent=25, duration=duration, periods=periods))
    for month in [MAY] if at_once else [FEB, MAR, APR, MAY]:
        close_due(at=month + HOUR)
    assert nets() == expected


def test_the_opening_invoice_is_the_first_one():
    subscription_with(make_coupon(percent=50), fees=[fee("60")])
    close_due(at=FEB + HOUR)
    assert nets() == [30, 60]


def test_an_invoice_period_with_nothing_due_counts_as_well():
    subscription = subscription_with(make_coupon(percent=50), fees=[])
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", 10, at=FEB)
    close_due(at=MAR + HOUR)
    assert nets() == [10]


def test_each_tax_rate_has_its_own_coupon_line():
    seller = make_seller("taxed")
    make_tax(10, seller=seller, valid_to=FEB.date())
    make_tax(20, seller=seller, valid_from=FEB.date())
    version = publish(make_plan(fees=[fee("30", billed="arrears", label="Past"), fee("70", label="Ahead")]))
    subscribe(make_customer(seller=seller), version, coupons=[make_coupon(amount="10", duration="forever")])
    close_due(at=FEB + HOUR)
    invoice = Invoice.objects.order_by("id").last()
    coupons = invoice.lines.filter(kind="coupon").order_by("id")
    assert [(line.amount.amount, line.tax_rate) for line in coupons] == [(-3, 10), (-7, 20)]
    assert [(tax.taxable.amount, tax.amount.amount) for tax in invoice.taxes.order_by("id")] == [
        (27, Decimal("2.70")),
        (63, Decimal("12.60")),
    ]


def test_a_negative_line_is_not_deducted_twice():
    """A negative surcharge leaves 75.00 of 100.00; a 100% coupon leaves zero, and not -25.00."""
    subscription = subscription_with(make_coupon(percent=100), fees=[], commitments=[commitment(50, factor="0.5")])
    use(subscription, "api.calls", 100)
    close_due(at=FEB + HOUR)
    assert nets() == [0]
    assert Line.objects.get(kind="coupon").amount.amount == -75


def test_a_fully_discounted_invoice_is_issued():
    """Its lines record the billed usage, so that late usage is not billed as if nothing had been billed."""
    subscription = subscription_with(make_coupon(percent=100), fees=[])
    use(subscription, "api.calls", 40)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", 5)
    close_due(at=MAR + HOUR)
    assert nets() == [0, 5]


def test_true_ups_are_discounted_and_count_in_full():
    subscription = subscription_with(make_coupon(percent=50), fees=[], commitments=[commitment(100)])
    use(subscription, "api.calls", 40)
    close_due(at=FEB + HOUR)
    assert nets() == [50]


def test_the_discount_is_allocated_to_each_line():
    subscription = subscription_with(make_coupon(amount="10"))
    use(subscription, "api.calls", 40)
    close_due(at=FEB + HOUR)
    shares = Discount.objects.order_by("id").values_list("line__kind", "amount", "coupon_line__kind")
    assert list(shares) == [("fee", 6, "coupon"), ("usage", 4, "coupon")]
    assert CouponLine.objects.get().redemption.subscription == subscription


def test_the_preview_shows_the_same():
    subscription = subscription_with(make_coupon(percent=25))
    use(subscription, "api.calls", 40)
    draft = preview(at=FEB, period=subscription.periods.get(starts_at=JAN))
    close_due(at=FEB + HOUR)
    invoice = Invoice.objects.get()
    assert [(line.kind, line.amount) for line in draft.lines] == [
        (line.kind, line.amount.amount) for line in invoice.lines.order_by("position")
    ]
    assert draft.totals.total == invoice.total.amount == 75


class TestAppliedToARunningSubscription:
    def test_it_is_deducted_from_the_next_invoice(self):
        subscription = subscription_with()
        close_due(at=FEB + HOUR)
        apply_coupon(subscription=subscription, coupon=make_coupon(percent=50), at=FEB + 24 * HOUR)
        close_due(at=APR + HOUR)
        assert nets() == [60, 30, 60]

    def test_it_is_not_deducted_from_an_invoice_of_an_earlier_period(self):
        """A period that ended before the coupon was applied is billed without it, however late the close runs."""
        subscription = subscription_with()
        apply_coupon(subscription=subscription, coupon=make_coupon(percent=50), at=FEB + HOUR / 2)
        close_due(at=MAR + HOUR)
        assert nets() == [60, 30]

    def test_removed_it_leaves_issued_invoices_unchanged(self):
        subscription = subscription_with(make_coupon(percent=50, duration="forever"))
        close_due(at=FEB + HOUR)
        remove_coupon(redemption=subscription.redemptions.get(), at=FEB + 2 * HOUR, reason="a mistake")
        close_due(at=MAR + HOUR)
        assert nets() == [30, 60]


def test_a_credit_at_a_higher_tax_fits_with_a_coupon():
    """
    January's usage was taxed, February's is not: the tax is credited as well, and the coupon leaves room for it.
    """
    make_tax("20", country="US", valid_to=FEB.date())
    subscription = subscription_with(fees=[])
    use(subscription, "api.calls", 90)
    close_due(at=FEB + HOUR)
    apply_coupon(subscription=subscription, coupon=make_coupon(amount=50), at=FEB + HOUR)
    use(subscription, "api.calls", -90)
    use(subscription, "api.calls", 120, at=FEB)
    assert close_due(at=MAR + HOUR).failed == []
    invoice = Invoice.objects.latest("id")
    (taken,) = invoice.lines.filter(kind="coupon")
    assert (taken.amount.amount, invoice.net.amount, invoice.tax.amount, invoice.total.amount) == (-12, 18, -18, 0)
    assert_invoices_clean()
