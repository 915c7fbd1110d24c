"""Usage that reaches a threshold is invoiced before its period ends, and the remainder at its end."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import bill_reached_thresholds, close_due, preview
from billing.models import Period, Subscription
from billing.subscriptions.plan_changes.plan_change import change_plan
from customers.models import Customer
from invoices.models import Invoice
from plans.pricing.billing_thresholds import SpendThreshold, count_reached
from tests.builders import (
    FEB,
    JAN,
    MAR,
    assert_invoices_clean,
    commitment,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    threshold,
    tier,
    use,
)
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

D = Decimal
PAGE = "progressive-billing"
A_DAY, CLOSED = timedelta(days=1), FEB + timedelta(hours=1)
THRESHOLDS = [threshold(50), threshold(60, repeats=True)]
CALLS = offer("api.calls", rates=[rate(model="graduated", tiers=[tier(100, 1), tier(None, "0.50")])])


def subscribed(*, thresholds=THRESHOLDS, coupons=(), offers=(CALLS,), **fields) -> Subscription:
    version = publish(make_plan(fees=[fee(10, billed="arrears")], offers=offers, thresholds=thresholds, **fields))
    return subscribe(make_customer("acme"), version, coupons=coupons)


def billed(subscription: Subscription, calls: int, day: int) -> Decimal | None:
    """Use this many calls, and return the amount invoiced for them, None without an invoice."""
    use(subscription, "api.calls", calls)
    before = Invoice.objects.count()
    count = bill_reached_thresholds(at=JAN + day * A_DAY)
    assert bill_reached_thresholds(at=JAN + day * A_DAY) == 0
    assert Invoice.objects.count() == before + count
    return Invoice.objects.latest("id").net.amount if count else None


def test_invoices_are_issued_at_thresholds_as_documented():
    subscription, so_far, amounts = subscribed(), 0, []
    *running, (_, last) = [(row, row["calls so far"].removeprefix("end: ")) for row in rows("closing.md", PAGE)]
    for day, (row, calls) in enumerate(running, start=1):
        amounts.append(billed(subscription, int(calls) - so_far, day))
        so_far = int(calls)
        assert amounts[-1] == (D(row["invoice"]) if row["invoice"] else None), row["why"]
    use(subscription, "api.calls", int(last) - so_far)
    draft = preview(subscription=subscription, at=FEB)
    close_due(at=CLOSED)
    document = Invoice.objects.latest("id")
    assert document.net.amount == draft.totals.net == D("15")
    line = document.lines.get(kind="usage")
    assert (line.amount.amount, line.quantity, line.explanation["billed_before"]) == (D(5), 10, "245.00")
    assert [
        invoice.reference.split(":")[::2]
        for invoice in Invoice.objects.filter(lines__kind="progressive").order_by("id")
    ] == [
        ["progress", "1"],
        ["progress", "2"],
        ["progress", "3"],
    ]
    assert_invoices_clean()


PASSED = [
    # spent  thresholds passed
    ("0", 0),
    ("49.99", 0),
    ("50", 1),
    ("109.99", 1),
    ("110", 2),
    ("170", 3),
]


@pytest.mark.parametrize(("spent", "count"), PASSED)
def test_thresholds_are_counted(spent, count):
    assert count_reached([SpendThreshold(D(50)), SpendThreshold(D(60), repeats=True)], D(spent)) == count


def test_a_customers_thresholds_replace_those_of_the_plan():
    subscription = subscribed()
    Customer.objects.update(billed_each=D(30))
    assert [billed(subscription, 20, day) for day in (1, 2, 3)] == [None, D(40), D(20)]
    close_due(at=CLOSED)
    assert Invoice.objects.latest("id").net.amount == D(10)
    assert_invoices_clean()


def test_coupons_and_commitments_apply_to_the_remaining_amount():
    make_tax("19")
    coupon = make_coupon(percent=10)
    subscription = subscribed(coupons=[coupon], commitments=[commitment(100)])
    assert billed(subscription, 60, 1) == D(60)
    use(subscription, "api.calls", 20)
    close_due(at=CLOSED)
    lines = Invoice.objects.latest("id").lines.order_by("position").values_list("kind", "amount")
    assert list(lines) == [("fee", 10), ("usage", 20), ("true_up", 20), ("coupon", -5)]
    assert_invoices_clean()


def test_a_reduction_after_a_threshold_is_credited_by_a_credit_note():
    make_tax("19")
    subscription = subscribed()
    assert billed(subscription, 120, 1) == D(110)
    assert billed(subscription, -70, 2) is None
    close_due(at=CLOSED)
    note = Invoice.objects.get(kind="credit_note")
    assert (note.net.amount, note.tax.amount, note.corrects.reference.split(":")[0]) == (
        D(60),
        D("11.40"),
        "progress",
    )
    assert Invoice.objects.get(reference__startswith="period:").net.amount == D(10)
    assert_invoices_clean()


def test_late_usage_continues_from_all_billed_usage():
    subscription = subscribed()
    billed(subscription, 60, 1)
    close_due(at=CLOSED)
    use(subscription, "api.calls", 50)
    use(subscription, "api.calls", 1, at=FEB + A_DAY)
    close_due(at=MAR + timedelta(hours=1))
    late = Invoice.objects.latest("id").lines.get(kind="late_usage")
    assert (late.amount.amount, late.explanation["billed_before"]) == (D(45), "60.00")
    assert_invoices_clean()


def test_a_plan_change_bills_the_remainder_of_the_former_part():
    subscription = subscribed()
    billed(subscription, 60, 1)
    other = publish(make_plan(fees=[fee(20, billed="arrears")], offers=[CALLS], thresholds=THRESHOLDS))
    use(subscription, "api.calls", 10)
    change_plan(subscription=subscription, version=other, at=JAN + 15 * A_DAY)
    close_due(at=JAN + 16 * A_DAY)
    assert Invoice.objects.latest("id").lines.get(kind="usage").amount.amount == D(10)
    assert_invoices_clean()


def test_amounts_known_only_at_the_end_are_billed_at_the_end():
    bounded = offer("bounded", rates=[rate(1)], minimum=500)
    subscription = subscribed(offers=[CALLS, bounded])
    use(subscription, "bounded", 400)
    assert billed(subscription, 60, 1) == D(60)
    close_due(at=CLOSED)
    assert sorted(Period.objects.get(state="closed", kind="regular").invoice.lines.values_list("kind", "amount")) == [
        ("fee", D(10)),
        ("usage", D(100)),
        ("usage", D(400)),
    ]
    assert_invoices_clean()


def test_without_thresholds_one_query_is_sent(django_assert_num_queries):
    subscription = subscribed(thresholds=())
    use(subscription, "api.calls", 1000)
    with django_assert_num_queries(1):
        assert bill_reached_thresholds(at=JAN + A_DAY) == 0
