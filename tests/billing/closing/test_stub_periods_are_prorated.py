"""A period shorter than its interval pays its share of the fee, rounded once."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.subscriptions import cancel
from invoices.models import Invoice, Line
from tests.builders import FEB, JAN, MAR, fee, make_customer, make_plan, publish, subscribe
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

LATER = datetime(2026, 2, 1, 1, tzinfo=UTC)
CASES = [
    (
        row["proration"],
        datetime.fromisoformat(row["starts"]).replace(tzinfo=UTC),
        row["fee"],
        row["share"],
        row["why"],
    )
    for row in rows("closing.md", "stubs")
]


@pytest.mark.parametrize("billed", ["advance", "arrears"])
@pytest.mark.parametrize(("proration", "starts_at", "amount", "share", "why"), CASES)
def test_the_first_month_pays_its_share(
    proration: str, starts_at: datetime, amount: str, share: str, why: str, billed: str
):
    version = publish(make_plan(fees=[fee("31", billed=billed)], proration=proration))
    subscribe(make_customer(), version, starts_at=starts_at)
    close_due(at=starts_at if billed == "advance" else LATER)
    line = Line.objects.get()
    assert line.amount.amount == Decimal(amount), why
    assert line.explanation["share"] == share
    assert (line.service_start, line.service_end) == (starts_at, FEB)


def test_the_last_month_pays_its_share_in_arrears():
    version = publish(make_plan(fees=[fee("28", billed="arrears")]))
    subscription = subscribe(make_customer(), version)
    ends_at = datetime(2026, 2, 8, tzinfo=UTC)
    cancel(subscription=subscription, at=datetime(2026, 2, 3, tzinfo=UTC), ends_at=ends_at)
    close_due(at=MAR)
    assert [line.amount.amount for line in Line.objects.order_by("id")] == [Decimal("28.00"), Decimal("7.00")]


def test_a_fee_in_advance_is_billed_once_for_each_month():
    version = publish(make_plan(fees=[fee("31", billed="advance")]))
    subscribe(make_customer(), version, starts_at=datetime(2026, 1, 15, tzinfo=UTC), at=MAR)
    close_due(at=datetime(2026, 3, 1, 1, tzinfo=UTC))
    lines = Line.objects.order_by("service_start")
    assert [(line.service_start.month, line.amount.amount) for line in lines] == [
        (1, Decimal("17.00")),
        (2, Decimal("31.00")),
        (3, Decimal("31.00")),
    ]
    assert Invoice.objects.count() == 3, "the opening document, and one for each month that is over"


def test_a_last_month_shortened_before_its_start_is_billed_in_advance_by_its_share():
    version = publish(make_plan(fees=[fee("28", billed="advance")]))
    subscription = subscribe(make_customer(), version)
    cancel(subscription=subscription, at=JAN, ends_at=datetime(2026, 2, 15, tzinfo=UTC))
    close_due(at=LATER)
    last = Line.objects.latest("service_start")
    assert (last.amount.amount, last.explanation["share"]) == (Decimal("14.00"), "1/2")


def test_a_one_time_fee_is_due_once_and_in_full():
    fees = [fee("31", billed="advance"), fee("100", kind="one_time")]
    subscribe(make_customer(), publish(make_plan(fees=fees)), starts_at=datetime(2026, 1, 15, tzinfo=UTC))
    close_due(at=MAR)
    amounts = Line.objects.filter(description__contains="Setup").values_list("amount", flat=True)
    assert list(amounts) == [Decimal("100.0000")]


def test_a_one_time_fee_in_arrears_is_billed_with_the_first_period():
    version = publish(make_plan(fees=[fee("100", kind="one_time", billed="arrears")]))
    subscribe(make_customer(), version)
    close_due(at=LATER)
    close_due(at=MAR)
    assert Line.objects.get().invoice.period_start == JAN
