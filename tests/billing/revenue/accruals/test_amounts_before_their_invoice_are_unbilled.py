"""What open periods have earned is unbilled revenue until their invoices: docs/recognition.md#accruals."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import AccruedAmount
from billing.subscriptions.lifecycle.cancellation import cancel
from billing.subscriptions.plan_changes.plan_change import change_plan
from billing.subscriptions.terms.coupons import apply_coupon
from tests.billing.revenue.accruals.accrual_setup import (
    accrue_at,
    close,
    metered,
    priced,
    revenue,
    subscribed,
    use,
)
from tests.billing.revenue.book_setup import changes, moment
from tests.builders import commitment, fee, make_coupon, make_plan, make_seller, make_tax, publish
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db
EUR = {"currency": "EUR"}


def plan(amount: str, **fields):
    return publish(make_plan(fees=[fee(amount, **EUR)], **fields), moment("2019-01-01"))


@pytest.mark.parametrize(
    ("new_fee", "april", "may", "unbilled"),
    [
        # The golden cases stripe-upgrade-billed-later and stripe-downgrade-billed-later.
        ("120.00", "100.00", "120.00", {"2025-04": "10.00", "2025-05": "-10.00"}),
        ("30.00", "70.00", "30.00", {"2025-04": "-20.00", "2025-05": "20.00"}),
    ],
)
def test_a_plan_change_is_earned_before_its_invoice(new_fee, april, may, unbilled):
    seller = make_seller(grace=timedelta(days=12))
    subscription = subscribed(fees=[fee("90.00", **EUR)], starts_at="2025-04-01", anchor="calendar")
    close("2025-04-01")
    accrue_at(seller, "2025-04-01T12:00")
    change_plan(subscription=subscription, version=plan(new_fee), at=moment("2025-04-21"))
    assert revenue(seller, "2025-05-01T00:00:01")["2025-04"] == april
    assert changes(seller, "unbilled", at="2025-05-01T00:00:01")["2025-04"] == unbilled["2025-04"]
    close("2025-05-03T02:00")
    close("2025-05-13T02:00")
    assert revenue(seller, "2025-06-01") == {"2025-04": april, "2025-05": may}
    assert changes(seller, "unbilled", at="2025-06-01") == unbilled


def test_a_fee_in_arrears_is_earned_evenly_and_counts_until_its_invoice():
    subscription = subscribed(fees=[fee("31.00", billed="arrears", **EUR)])
    seller = subscription.customer.seller
    january, february = rows("recognition.md", "Accruals")
    assert revenue(seller, "2026-02-01T00:00:01") == {"2026-01": january["revenue"]}
    assert changes(seller, "unbilled", at="2026-02-01T00:00:01") == {"2026-01": january["unbilled"]}
    cancel(subscription=subscription, at=moment("2026-02-10"), ends_at=moment("2026-02-15"))
    close("2026-02-15T02:00")
    for role in ("revenue", "unbilled", "receivable"):
        accrue_at(seller, "2026-02-15T03:00")
        months = changes(seller, role, at="2026-02-15T03:00")
        assert months == {row["month"]: row[role] for row in (january, february) if row[role] != "0.00"}
    assert not AccruedAmount.objects.exists()


def test_a_fee_in_advance_of_the_next_period_is_not_earned():
    subscription = subscribed(fees=[fee("31.00", **EUR)])
    close("2026-01-15")
    assert revenue(subscription.customer.seller, "2026-02-01T00:00:01") == {"2026-01": "17.00"}
    assert not AccruedAmount.objects.exists()


def test_a_true_up_is_earned_at_the_end():
    subscription = subscribed(
        [priced(metered(), "1.00")], commitments=[commitment("100.00", **EUR)], starts_at="2026-01-15"
    )
    seller = subscription.customer.seller
    use(subscription, metered(), 30, "2026-01-20")
    assert revenue(seller, "2026-02-14") == {"2026-01": "30.00"}
    # The period is over and not invoiced: what its preview bills counts.
    assert revenue(seller, "2026-02-15T00:30") == {"2026-01": "30.00", "2026-02": "70.00"}
    assert changes(seller, "unbilled", at="2026-02-15T00:30") == {"2026-01": "30.00", "2026-02": "70.00"}
    close("2026-02-15T02:00")
    assert revenue(seller, "2026-02-15T03:00") == {"2026-01": "30.00", "2026-02": "70.00"}
    assert changes(seller, "unbilled", at="2026-02-15T03:00") == {"2026-01": "30.00", "2026-02": "-30.00"}


def test_a_minimum_of_a_price_is_earned_at_the_end():
    feature = metered()
    subscription = subscribed([priced(feature, "1.00", minimum="50.00")])
    use(subscription, feature, 10, "2026-01-20")
    close("2026-02-15T02:00")
    assert revenue(subscription.customer.seller, "2026-02-15T03:00") == {"2026-01": "10.00", "2026-02": "40.00"}


@pytest.mark.parametrize("is_closed_before", [False, True])
def test_coupons_lower_the_months_of_use(is_closed_before):
    """The same whether January is computed before the invoice, or only afterwards from its lines."""
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")])
    seller = subscription.customer.seller
    coupon = make_coupon(percent="10", duration="forever")
    apply_coupon(subscription=subscription, coupon=coupon, at=moment("2026-01-15"))
    use(subscription, feature, 80, "2026-01-25")
    use(subscription, feature, 40, "2026-02-03")
    if not is_closed_before:
        accrue_at(seller, "2026-02-02")
        accrue_at(seller, "2026-02-04")
    close("2026-02-15T02:00")
    assert revenue(seller, "2026-02-15T03:00") == {"2026-01": "72.00", "2026-02": "36.00"}


def test_a_plan_change_within_the_period_starts_a_part_of_its_own():
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")])
    new = publish(make_plan(offers=[priced(feature, "2.00")]), moment("2019-01-01"))
    use(subscription, feature, 10, "2026-01-20")
    change_plan(subscription=subscription, version=new, at=moment("2026-01-25"))
    use(subscription, feature, 10, "2026-01-26")
    use(subscription, feature, 1, "2026-02-03")
    seller = subscription.customer.seller
    assert revenue(seller, "2026-02-04") == {"2026-01": "30.00", "2026-02": "2.00"}
    close("2026-02-15T02:00")
    assert revenue(seller, "2026-02-15T03:00") == {"2026-01": "30.00", "2026-02": "2.00"}


def test_an_end_that_moves_before_the_month_end_leaves_no_amount_behind():
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")])
    use(subscription, feature, 10, "2026-01-20")
    seller = subscription.customer.seller
    accrue_at(seller, "2026-01-25")
    cancel(subscription=subscription, at=moment("2026-01-25"), ends_at=moment("2026-01-25"))
    close("2026-01-25T02:00")
    assert revenue(seller, "2026-02-10") == {"2026-01": "10.00"}
    assert not AccruedAmount.objects.exists()


def test_prices_that_include_tax_earn_their_net():
    feature = metered()
    make_tax(20)
    subscription = subscribed([priced(feature, "1.20")], prices_include_tax=True)
    use(subscription, feature, 10, "2026-01-20")
    seller = subscription.customer.seller
    assert revenue(seller, "2026-02-10") == {"2026-01": "10.00"}
    close("2026-02-15T02:00")
    assert revenue(seller, "2026-02-15T03:00") == {"2026-01": "10.00"}
    assert sum(AccruedAmount.objects.values_list("amount", flat=True)) == Decimal(10)
