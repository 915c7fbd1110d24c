"""Seats and add-ons are charged for the time they are booked: billed in advance, settled when the period closes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due, preview
from billing.models import Subscription
from billing.subscriptions import cancel, generate_periods, set_quantity
from invoices.models import Invoice, Line
from tests.builders import APR, FEB, JAN, MAR, fee, make_customer, make_plan, make_tax, publish, subscribe
from tests.clean_books import assert_clean
from tests.docs_tables import rows

SUBJECTS = ("subscriptions", "invoices")

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
APRIL, MAY = APR, datetime(2026, 5, 1, tzinfo=UTC)


def seats(amount: str = "10", **fields):
    return fee(amount, **{"label": "Seats", "basis": "seat", **fields})


def change_quantity(
    subscription: Subscription, quantity: int, since: datetime, *, at: datetime | None = None, code: str = "seats"
):
    return set_quantity(subscription=subscription, fee_code=code, quantity=quantity, at=at or since, since=since)


def billed() -> list[tuple[str, str]]:
    return [(line.kind, str(line.amount.amount)) for line in Line.objects.order_by("id")]


def months(*lines: dict, proration: str = "second", starts_at: datetime = APRIL, **quantities: int) -> Subscription:
    version = publish(make_plan(fees=list(lines), proration=proration))
    return subscribe(make_customer(), version, starts_at=starts_at, quantities=quantities)


@pytest.mark.parametrize("row", rows("closing.md", "quantities"), ids=lambda row: row["changes"])
def test_a_month_is_settled_as_documented(row):
    subscription = months(fee("100"), seats(), seats=5)
    close_due(at=APRIL)
    for change in filter(None, row["changes"].split(", ")):
        day, quantity = change.split(": ")
        change_quantity(subscription, int(quantity), APRIL + timedelta(days=int(day) - 1))
    close_due(at=MAY + HOUR)
    of_april = Line.objects.filter(fee__code="seats", service_start=APRIL).order_by("id")
    assert [f"{line.amount.amount:.2f}" for line in of_april] == row["lines for April"].split(" "), row["why"]
    (may,) = Line.objects.filter(fee__code="seats", service_start=MAY)
    assert f"{may.amount.amount:.2f}" == row["May in advance"], row["why"]
    assert_clean(*SUBJECTS)


def test_the_line_explains_its_segments():
    subscription = months(fee("100"), seats(included=2), seats=5)
    close_due(at=APRIL)
    change_quantity(subscription, 7, APRIL + timedelta(days=15))
    close_due(at=MAY + HOUR)
    assert Line.objects.get(kind="proration").explanation == {
        "fee": "10",
        "included": "2",
        "segments": [
            {"quantity": "5", "billable": "3", "share": "1/2"}
            | {"from": "2026-04-01T00:00:00+00:00", "to": "2026-04-16T00:00:00+00:00"},
            {"quantity": "7", "billable": "5", "share": "1/2"}
            | {"from": "2026-04-16T00:00:00+00:00", "to": "2026-05-01T00:00:00+00:00"},
        ],
        "cumulative": "40.00",
        "claimed_before": "30.00",
        "formula": "40.00 − 30.00",
    }


def test_in_arrears_the_period_is_billed_by_its_quantities():
    subscription = months(seats(billed="arrears"), seats=5)
    change_quantity(subscription, 7, APRIL + timedelta(days=15))
    close_due(at=MAY + HOUR)
    (line,) = Line.objects.all()
    assert (line.kind, line.amount.amount, line.quantity) == ("fee", Decimal("60.00"), 7)
    assert line.explanation["formula"] == "(5 × 1/2 + 7 × 1/2) × 10, by the second"


def test_an_upcoming_change_is_billed_in_advance_by_its_share():
    subscription = months(seats(), seats=5)
    change_quantity(subscription, 7, MAY + timedelta(days=15, hours=12), at=APRIL)
    close_due(at=MAY + HOUR)
    assert billed() == [("fee", "50.0000"), ("fee", "60.0000")]
    close_due(at=datetime(2026, 6, 1, 1, tzinfo=UTC))
    assert billed()[2:] == [("fee", "70.0000")]


def test_an_add_on_costs_nothing_until_it_is_booked():
    subscription = months(fee("100"), fee("30", label="Support", basis="add_on"))
    close_due(at=APRIL)
    change_quantity(subscription, 1, APRIL + timedelta(days=10), code="support")
    close_due(at=MAY + HOUR)
    assert billed() == [("fee", "100.0000"), ("proration", "20.0000"), ("fee", "100.0000"), ("fee", "30.0000")]


def test_a_one_time_add_on_is_billed_once_with_the_next_invoice():
    subscription = months(fee("100"), fee("500", label="Migration", kind="one_time", basis="add_on"))
    close_due(at=APRIL)
    change_quantity(subscription, 2, APRIL + timedelta(days=10), code="migration")
    close_due(at=MAY + HOUR)
    close_due(at=datetime(2026, 6, 1, 1, tzinfo=UTC))
    once = Line.objects.get(fee__code="migration")
    assert (once.amount.amount, once.quantity, once.explanation["formula"]) == (1000, 2, "2 × 500")


def test_a_one_time_add_on_booked_at_the_start_is_billed_by_the_opening_invoice():
    migration = fee("500", label="Migration", kind="one_time", basis="add_on")
    subscription = months(fee("100"), migration, migration=1)
    close_due(at=APRIL)
    change_quantity(subscription, 3, APRIL + timedelta(days=10), code="migration")
    close_due(at=MAY + HOUR)
    amounts = Line.objects.filter(fee__code="migration").order_by("id").values_list("amount", flat=True)
    assert list(amounts) == [500, 1000]


def test_a_correction_keeps_the_tax_rate_of_the_invoiced_fee():
    make_tax("20", valid_to=APRIL.date() + timedelta(days=5))
    make_tax("10", valid_from=APRIL.date() + timedelta(days=5))
    subscription = months(fee("100"), seats(), seats=5)
    close_due(at=APRIL)
    change_quantity(subscription, 4, APRIL + timedelta(days=15))
    close_due(at=MAY + HOUR)
    rates = Line.objects.filter(fee__code="seats").order_by("id").values_list("kind", "tax_rate")
    assert list(rates) == [("fee", 20), ("proration", 20), ("fee", 10)]


def test_fees_paid_in_advance_are_kept_at_an_early_end():
    subscription = months(fee("100"), seats(), seats=5)
    close_due(at=APRIL)
    change_quantity(subscription, 7, APRIL + timedelta(days=10))
    cancel(subscription=subscription, at=APRIL + timedelta(days=15), ends_at=APRIL + timedelta(days=15))
    close_due(at=MAY + HOUR)
    assert billed()[2:] == [("proration", "13.3300")]
    assert_clean(*SUBJECTS)


def test_months_closed_at_the_same_time_bill_the_same():
    subscription = months(fee("100"), seats(), starts_at=JAN, seats=5)
    change_quantity(subscription, 8, JAN + timedelta(days=15, hours=12))
    change_quantity(subscription, 4, FEB + timedelta(days=14))
    close_due(at=APR + HOUR)
    assert sum(line.amount.amount for line in Line.objects.filter(fee__code="seats", service_start__lt=APR)) == (
        Decimal("65.00") + Decimal("60.00") + Decimal("40.00")
    )
    assert_clean(*SUBJECTS)


def test_a_period_waits_for_the_one_before_it():
    subscription = months(fee("100"), seats(), starts_at=JAN, seats=5)
    close_due(at=JAN)
    change_quantity(subscription, 8, FEB + timedelta(days=14))
    generate_periods(until=MAR)
    subscription.periods.filter(kind="regular", starts_at=JAN).update(retry_at=APR)
    close_due(at=MAR + HOUR)
    assert subscription.periods.get(starts_at=FEB).state == "open"
    subscription.periods.update(retry_at=None)
    close_due(at=MAR + HOUR)
    february = Line.objects.filter(fee__code="seats", service_start=FEB)
    assert sum(line.amount.amount for line in february) == Decimal("65.00")


def test_the_preview_is_what_is_issued():
    subscription = months(fee("100"), seats(), seats=5)
    close_due(at=APRIL)
    change_quantity(subscription, 7, APRIL + timedelta(days=15))
    draft = preview(subscription=subscription, at=APRIL + timedelta(days=20))
    close_due(at=MAY + HOUR)
    issued = subscription.periods.get(kind="regular", starts_at=APRIL).invoice
    assert (draft.totals.total, len(draft.lines)) == (issued.total.amount, issued.lines.count())


def test_a_credit_above_the_invoice_becomes_a_credit_note_at_the_invoiced_tax_rate():
    make_tax("20", valid_to=APRIL.date() + timedelta(days=5))
    make_tax("10", valid_from=APRIL.date() + timedelta(days=5))
    subscription = months(fee("1"), seats(), seats=50)
    close_due(at=APRIL)
    change_quantity(subscription, 1, APRIL + timedelta(days=15))
    close_due(at=MAY + HOUR)
    april, may = Line.objects.filter(fee__code="seats").order_by("id")
    assert (may.amount.amount, may.tax_rate) == (10, 10), "the amount due stays on the invoice"
    note = Invoice.objects.get(kind="credit_note")
    credited = note.lines.get()
    assert (note.corrects_id, credited.corrects_line_id) == (april.invoice_id, april.pk)
    assert (credited.kind, credited.amount.amount, credited.tax_rate) == ("fee_credit", 245, 20)
    assert credited.explanation["formula"] == "255.00 − 500.00"
    assert_clean(*SUBJECTS)
