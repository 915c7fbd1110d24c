"""A customer's coupon discounts all its subscriptions; the amount of a fixed one is taken once, in order of issue."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from billing.closing import batch, close_due, close_period, preview
from billing.models import CouponLine, Period, Redemption, Subscription
from billing.subscriptions import apply_coupon, apply_customer_coupon, generate_periods, remove_coupon
from customers.models import Customer
from invoices.models import Invoice, Line
from plans.models import Coupon, PlanVersion
from tests.billing.plan_migrations.migration_setup import make_version as make_migration_version
from tests.billing.plan_migrations.migration_setup import planned, roll_back, run
from tests.billing.plan_migrations.migration_setup import use as send_calls
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    assert_invoices_clean,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    publish,
    subscribe,
)
from tests.docs_tables import rows
from tests.races import Pause, start, together, wait_until_blocked
from tests.simulation_law import assert_simulation_equals_invoices

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
MONTHS = [JAN, FEB, MAR, APR, MAY]


def make_version(amount: str, code: str = "") -> PlanVersion:
    fields = {"code": code} if code else {}
    return publish(make_plan(fees=[fee(amount, billed="arrears", label="Base")], **fields))


def shared(customer: Customer, *, at: datetime = JAN, **fields: Any) -> Redemption:
    return apply_customer_coupon(customer=customer, coupon=make_coupon(**{"amount": 50, **fields}), at=at)


def pair(customer: Customer | None = None, *amounts: str, **fields: Any) -> list[Subscription]:
    customer = customer or make_customer(**fields)
    return [
        subscribe(customer, make_version(amount), external_id=f"{customer.external_id}-{n}", named=True)
        for n, amount in enumerate(amounts or ("30", "30"))
    ]


def taken() -> list[Decimal]:
    return [-amount for amount in CouponLine.objects.order_by("line").values_list("line__amount", flat=True)]


def coupon_of(text: str) -> Coupon:
    """Make a coupon from its notation on the page: 50.00 of beta for 3 months, carries over."""
    text, _, rest = text.partition(", ")
    value, *words = text.split()
    kind, figure = ("percent", value[:-1]) if value.endswith("%") else ("amount", value)
    fields: dict[str, Any] = {kind: figure, "carries_over": rest == "carries over", "duration": "once"}
    if "of" in words:
        fields["plans"] = [words[words.index("of") + 1]]
    if "months" in words:
        fields |= {"duration": "periods", "periods": int(words[-2])}
    if "quarter" in words:
        fields["period_months"] = 3
    return make_coupon(**fields)


ROWS = rows("closing.md", "coupons-of-a-customer")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['coupon']}: {row['why']}")
def test_invoices_take_the_documented_amounts(row: dict[str, str]):
    customer = make_customer()
    for name in ("alpha", "beta"):
        amount, _, since = row[name].partition(" from ")
        version = make_version(amount, name)
        subscribe(customer, version, FEB if since else JAN, external_id=name, named=True)
    apply_customer_coupon(customer=customer, coupon=coupon_of(row["coupon"]), at=JAN)
    for (begin, end), month in zip(pairwise(MONTHS), ("January", "February", "March", "April"), strict=True):
        close_due(at=end + HOUR)
        lines = Line.objects.filter(kind="coupon", invoice__period_end=end, invoice__period_start=begin)
        amounts = [f"{-amount:.2f}" for amount in lines.order_by("id").values_list("amount", flat=True)]
        assert ", ".join(amounts) == row[month], (month, row["why"])
    assert_invoices_clean()


def test_a_late_invoice_takes_what_later_coupon_periods_have_left():
    customer = make_customer()
    alpha, beta = pair(customer, "80", "40")
    shared(customer, duration="forever", carries_over=True)
    close_period(period_id=beta.periods.get(starts_at=JAN).pk, at=FEB + HOUR)
    generate_periods(until=MAR)
    close_period(period_id=alpha.periods.get(starts_at=FEB).pk, at=MAR + HOUR)
    close_period(period_id=alpha.periods.get(starts_at=JAN).pk, at=MAR + HOUR)
    # 40 of January's 50 for beta; 60 in February, 10 of them from January, so that alpha's January finds nothing.
    assert taken() == [40, 60]
    assert_invoices_clean()


def test_the_explanation_shows_the_amount_that_was_left():
    customer = make_customer()
    pair(customer)
    shared(customer)
    close_due(at=FEB + HOUR)
    second = Line.objects.filter(kind="coupon").order_by("id").last()
    assert second.explanation["formula"] == "20.00 left of 50.00, off 30.00"


def test_the_preview_shows_the_amount_that_the_invoice_takes():
    customer = make_customer()
    alpha, beta = pair(customer)
    shared(customer)
    close_period(period_id=alpha.periods.get(starts_at=JAN).pk, at=FEB + HOUR)
    draft = preview(at=FEB + HOUR, period=beta.periods.get(starts_at=JAN))
    close_due(at=FEB + 2 * HOUR)
    assert draft.totals.total == beta.periods.get(starts_at=JAN).invoice.total.amount == 10


def test_sections_of_a_consolidated_invoice_take_in_their_order():
    customer = make_customer(one_document=True)
    for name in ("zulu", "alpha"):
        subscribe(customer, make_version("30"), external_id=name, named=True)
    shared(customer)
    close_due(at=FEB + HOUR)
    lines = CouponLine.objects.order_by("line").values_list("period__subscription__external_id", "line__amount")
    assert list(lines) == [("alpha", -30), ("zulu", -20)]
    assert Invoice.objects.get().net.amount == 10
    assert_invoices_clean()


def test_a_section_that_waits_leaves_its_part_to_the_others(monkeypatch):
    """A consolidated invoice whose other member fails is not issued, and takes nothing from the coupon."""
    joint = make_customer(one_document=True)
    first, second, alone = pair(joint, "30", "30", "30")
    shared(joint, amount=40)
    original = batch.assemble_invoice

    def failing(closing: Any, seller: Any) -> Any:
        if closing.subscription_id == second.pk:
            raise ValueError("can't be rated")
        return original(closing, seller)

    monkeypatch.setattr(batch, "assemble_invoice", failing)
    Period.objects.filter(subscription=alone, ends_at=FEB).update(due_at=FEB + 2 * HOUR)
    close_due(at=FEB + 3 * HOUR)
    assert not Invoice.objects.filter(periods__subscription=first).exists()
    assert Line.objects.get(kind="coupon").amount.amount == -30
    assert_invoices_clean()


def test_an_undone_period_returns_its_amount():
    """A plan change is rolled back after its first part was billed; the whole month takes the amount again."""
    noon = JAN + timedelta(days=14, hours=12)
    old, new = make_migration_version("old"), make_migration_version("new", "0.20")
    subscription = subscribe(make_customer("returns"), old)
    shared(subscription.customer, amount=50, features=["calls"])
    close_period(period_id=subscription.periods.get(kind="opening").pk, at=JAN)
    send_calls(subscription, 300, JAN + timedelta(days=9))
    migration = planned(new, at=noon)
    run(migration, at=noon)
    close_period(period_id=subscription.periods.get(ends_at=noon).pk, at=noon + 2 * HOUR)
    assert taken() == [30]
    roll_back(migration, at=noon + 3 * HOUR)
    (redemption,) = Redemption.objects.with_taken()
    assert redemption.taken == {}
    close_due(at=FEB + HOUR)
    assert taken() == [30, 30]
    assert_invoices_clean()


def test_a_simulation_of_the_prices_in_force_equals_the_invoices():
    customer = make_customer()
    pair(customer)
    shared(customer, duration="forever", carries_over=True)
    close_due(at=MAR + HOUR)
    assert taken() == [30, 20, 30, 20]
    assert_simulation_equals_invoices(at=MAR + HOUR)


class TestOrderOfApplication:
    def test_coupons_of_both_apply_in_the_order_of_redemption(self):
        customer = make_customer()
        (subscription,) = pair(customer, "100")
        apply_coupon(subscription=subscription, coupon=make_coupon(percent=10, duration="forever"), at=JAN)
        shared(customer, percent=50, amount=None)
        apply_coupon(subscription=subscription, coupon=make_coupon(amount=5), at=JAN)
        close_due(at=FEB + HOUR)
        assert taken() == [10, 45, 5]
        assert list(Redemption.objects.order_by("pk").values_list("position", flat=True)) == [1, 2, 3]


class TestChanges:
    def test_it_applies_from_the_next_invoices(self):
        customer = make_customer()
        pair(customer)
        close_due(at=FEB + HOUR)
        redemption = shared(customer, at=FEB + 2 * HOUR, duration="forever")
        close_due(at=MAR + HOUR)
        remove_coupon(redemption=redemption, at=MAR + 2 * HOUR, reason="a mistake")
        close_due(at=APR + HOUR)
        assert taken() == [30, 20]
        assert_invoices_clean()

    def test_subscriptions_that_start_later_have_it_too(self):
        customer = make_customer()
        shared(customer, duration="forever")
        pair(customer)
        close_due(at=FEB + HOUR)
        assert taken() == [30, 20]


@pytest.mark.django_db(transaction=True)
class TestConcurrentCloses:
    def test_two_workers_take_no_more_than_the_amount(self):
        ids = [january_of(subscription) for subscription in shared_pair()]
        together(*[lambda id_=id_: close_period(period_id=id_, at=FEB + HOUR) for id_ in ids])
        assert sorted(taken()) == [10, 40]
        assert_invoices_clean()

    def test_a_close_waits_for_the_amount_that_another_one_takes(self, monkeypatch):
        alpha, beta = shared_pair()
        pause = Pause.before(monkeypatch, batch, "write_invoices")
        first = start(lambda: close_period(period_id=january_of(alpha), at=FEB + HOUR))
        pause.await_arrival()
        second = start(lambda: close_period(period_id=january_of(beta), at=FEB + HOUR))
        wait_until_blocked()
        pause.release()
        first.result()
        second.result()
        assert taken() == [40, 10]
        assert_invoices_clean()

    def test_a_chunk_leaves_the_customers_periods_for_a_later_pass(self, monkeypatch):
        alpha, _ = shared_pair()
        pause = Pause.before(monkeypatch, batch, "write_invoices")
        first = start(lambda: close_period(period_id=january_of(alpha), at=FEB + HOUR))
        pause.await_arrival()
        second = start(lambda: close_due(at=FEB + HOUR))
        # The chunk has passed over the period; now it is closed alone, and waits.
        wait_until_blocked()
        pause.release()
        first.result()
        second.result()
        assert taken() == [40, 10]
        assert_invoices_clean()

    def test_a_coupon_that_is_applied_during_a_close_leaves_its_invoice_alone(self, monkeypatch):
        customer = make_customer()
        (subscription,) = pair(customer, "40")
        pause = Pause.before(monkeypatch, batch, "write_invoices")
        close = start(lambda: close_period(period_id=january_of(subscription), at=FEB))
        pause.await_arrival()
        application = start(lambda: shared(customer, at=FEB))
        wait_until_blocked()
        pause.release()
        close.result()
        assert application.result().since > FEB
        assert_invoices_clean()


def shared_pair() -> list[Subscription]:
    """Return two subscriptions of 40.00 a month, which share a coupon of 50.00."""
    customer = make_customer()
    subscriptions = pair(customer, "40", "40")
    shared(customer)
    return subscriptions


def january_of(subscription: Subscription) -> int:
    return subscription.periods.get(starts_at=JAN).pk
