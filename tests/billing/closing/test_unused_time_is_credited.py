"""Fees paid in advance for the time after a cancellation: kept, credited or refunded."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.closing import bill_late_usage, close_due, close_period, preview_cancellation
from billing.subscriptions import CancellationRefused, apply_coupon, cancel, set_quantity, uncancel
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice, Line, Refund
from invoices.payments.manual_payments import record_payment
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    MAR,
    covered_features,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import assert_clean
from tests.docs_tables import rows

SUBJECTS = ("subscriptions", "invoices", "payments")

pytestmark = pytest.mark.django_db

D = Decimal
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def subscribed(*fees, proration="second", **fields):
    fees = fees or (fee("31"),)
    offers = [offer("calls", rates=[rate("0.10")])]
    version = publish(make_plan(fees=fees, offers=offers, proration=proration))
    return subscribe(make_customer("acme"), version, **fields)


def change_seats(subscription, change):
    """Set the quantity of seats from a day on: "16: 2"."""
    if change:
        day, count = map(int, change.split(": "))
        since = JAN + (day - 1) * DAY
        set_quantity(subscription=subscription, fee_code="seat", quantity=count, at=JAN, since=since)


def notes():
    return Invoice.objects.filter(kind="credit_note").order_by("pk")


def credited_total():
    return sum((note.net.amount for note in notes()), D(0))


def charged_total():
    return sum((invoice.net.amount for invoice in Invoice.objects.filter(kind="invoice")), D(0))


@pytest.mark.parametrize("row", rows("closing.md", "cancellations"), ids=lambda row: row["why"])
def test_unused_time_is_credited_as_documented(row):
    seat = fee("10", kind="base", basis="seat", label="Seat", code="seat")
    subscription = subscribed(fee("31"), *([seat] if row["seats"] else []), proration=row["proration"])
    seats, *later = row["seats"].split(", ")
    change_seats(subscription, seats)
    if row["coupon"]:
        coupon = make_coupon(percent=row["coupon"].rstrip("%"))
        apply_coupon(subscription=subscription, coupon=coupon, at=JAN)
    close_due(at=JAN + HOUR)
    opening = Invoice.objects.get()
    for change in later:
        change_seats(subscription, change)
    if row["by hand"]:
        issue_credit_note(
            invoice_id=opening.pk,
            lines=[RequestedCredit(1, D(row["by hand"]))],
            reason="Sorry",
            to="balance",
            at=JAN + HOUR,
        )
    if row["paid"]:
        record_payment(invoice_id=opening.pk, amount=D(row["paid"]), method="manual", reference="p1", at=JAN + HOUR)
    ends_at = moment(row["ends"])
    arguments = {
        "subscription": subscription,
        "at": JAN + 2 * HOUR,
        "ends_at": ends_at,
        "give_back": row["return"],
    }
    draft = preview_cancellation(**arguments)
    cancel(**arguments)
    close_due(at=ends_at + HOUR)
    last = Invoice.objects.filter(kind="invoice").exclude(pk=opening.pk).first()
    assert opening.net.amount == D(row["paid for"])
    assert (last.net.amount if last else D(0)) == D(row["last invoice"])
    note = notes().exclude(reason="Sorry").first()
    assert (note.net.amount if note else D(0)) == D(row["note"])
    assert (note.credit_to if note else "") == row["goes to"]
    assert [credit_note.totals.net for credit_note in draft.credit_notes] == ([note.net.amount] if note else [])
    assert_clean(*SUBJECTS)


@pytest.mark.parametrize(
    ("paid", "destination", "refunded"), [("10.00", "offset", None), ("10.01", "refund", D("0.01"))]
)
def test_a_refund_within_the_amount_due_is_an_offset(paid, destination, refunded):
    subscription = subscribed(fee("31"))
    close_due(at=JAN + HOUR)
    opening = Invoice.objects.get()
    record_payment(invoice_id=opening.pk, amount=D(paid), method="manual", reference="p1", at=JAN + HOUR)
    cancel(subscription=subscription, at=JAN + 2 * HOUR, ends_at=JAN + 10 * DAY, give_back="refund")
    close_due(at=FEB)
    assert [note.credit_to for note in notes()] == [destination]
    assert Refund.objects.values_list("amount", flat=True).first() == refunded
    assert_clean(*SUBJECTS)


def test_the_credit_has_the_tax_rate_of_the_invoice():
    make_tax(19)
    subscription = subscribed()
    close_due(at=JAN)
    cancel(subscription=subscription, at=JAN + HOUR, ends_at=JAN + 10 * DAY, give_back="credit")
    close_due(at=FEB)
    assert [(note.net.amount, note.tax.amount) for note in notes()] == [(D("21.00"), D("3.99"))]
    assert_clean(*SUBJECTS)


def test_an_end_within_the_grace_period_bills_a_part_and_credits_nothing():
    subscription = subscribed()
    close_due(at=JAN)
    arguments = {"subscription": subscription, "at": FEB + HOUR / 2, "ends_at": FEB + 14 * DAY, "give_back": "credit"}
    draft = preview_cancellation(**arguments)
    cancel(**arguments)
    close_due(at=MAR)
    assert charged_total() == D("31.00") + D("15.50")
    assert not notes()
    assert not draft.credit_notes
    assert_clean(*SUBJECTS)


def test_a_second_cancellation_replaces_the_first():
    subscription = subscribed()
    close_due(at=JAN)
    cancel(subscription=subscription, at=JAN + HOUR, ends_at=JAN + 20 * DAY, give_back="refund")
    cancel(subscription=subscription, at=JAN + 2 * HOUR, ends_at=JAN + 10 * DAY, give_back="credit")
    close_due(at=FEB)
    assert [(note.net.amount, note.credit_to) for note in notes()] == [(D("21.00"), "balance")]
    assert_clean(*SUBJECTS)


def test_an_end_at_the_start_of_the_paid_period_credits_all_of_it():
    subscription = subscribed()
    close_due(at=JAN)
    cancel(subscription=subscription, at=JAN, ends_at=JAN, give_back="credit")
    close_due(at=FEB)
    assert credited_total() == D("31.00")
    assert_clean(*SUBJECTS)


def test_usage_is_billed_and_the_credit_has_its_own_note():
    subscription = subscribed()
    close_due(at=JAN)
    event = {"id": "a", "customer": "acme", "event": "calls", "timestamp": (JAN + DAY).isoformat()}
    send(event, at=JAN + DAY)
    cancel(subscription=subscription, at=JAN + 2 * DAY, ends_at=JAN + 10 * DAY, give_back="credit")
    close_due(at=JAN + 10 * DAY + HOUR)
    send({**event, "id": "late"}, at=JAN + 11 * DAY)
    bill_late_usage(at=FEB)
    assert (charged_total(), credited_total()) == (D("31.20"), D("21.00"))
    assert_clean(*SUBJECTS)


def test_a_setup_fee_stays_paid():
    subscription = subscribed(fee("31"), fee("100", kind="one_time"))
    close_due(at=JAN)
    cancel(subscription=subscription, at=JAN + HOUR, ends_at=JAN + 10 * DAY, give_back="credit")
    close_due(at=FEB)
    assert credited_total() == D("21.00")


def test_a_cancellation_undone_in_time_changes_nothing():
    subscription = subscribed()
    close_due(at=JAN)
    cancel(subscription=subscription, at=JAN + HOUR, ends_at=JAN + 10 * DAY, give_back="credit")
    subscription_ = uncancel(subscription=subscription, at=JAN + 5 * DAY)
    assert (subscription_.state, subscription_.ends_at, subscription_.canceled_at) == ("active", None, None)
    assert covered_features(subscription_) == ["calls"]
    assert subscription_.coverage.get().during.upper is None
    close_due(at=FEB + HOUR)
    assert (charged_total(), credited_total()) == (D("62.00"), 0)
    assert_clean(*SUBJECTS)


def test_the_rest_of_a_shortened_period_is_billed():
    """February was billed until the 15th, and the subscription then continues to its end."""
    subscription = subscribed()
    cancel(subscription=subscription, at=JAN + HOUR, ends_at=FEB + 14 * DAY, give_back="credit")
    close_due(at=FEB + HOUR)
    uncancel(subscription=subscription, at=FEB + 2 * HOUR)
    close_due(at=MAR + HOUR)
    assert [line.amount.amount for line in Line.objects.filter(fee__isnull=False).order_by("pk")] == [
        D("31.00"),
        D("15.50"),
        D("15.50"),
        D("31.00"),
    ]
    assert_clean(*SUBJECTS)


def test_undoing_a_cancellation_restores_the_agreed_end():
    subscription = subscribed(ends_at=MAR)
    cancel(subscription=subscription, at=JAN + HOUR, ends_at=JAN + 10 * DAY)
    assert uncancel(subscription=subscription, at=JAN + 2 * HOUR).ends_at == MAR


def test_it_stays_canceled_where_another_subscription_covers_its_features():
    subscription = subscribed()
    cancel(subscription=subscription, at=JAN + HOUR, ends_at=FEB)
    subscribe(subscription.customer, subscription.version, starts_at=FEB, at=JAN + HOUR)
    with pytest.raises(CancellationRefused, match="Another subscription covers"):
        uncancel(subscription=subscription, at=JAN + 2 * HOUR)


@pytest.mark.parametrize(
    ("at", "why"), [(JAN + 10 * DAY, "ended at"), (FEB, "ended at")], ids=["at its end", "later"]
)
def test_an_ended_subscription_stays_ended(at, why):
    subscription = subscribed()
    cancel(subscription=subscription, at=JAN + HOUR, ends_at=JAN + 10 * DAY)
    with pytest.raises(CancellationRefused, match=why):
        uncancel(subscription=subscription, at=at)


def test_a_running_subscription_has_no_cancellation_to_undo():
    with pytest.raises(CancellationRefused, match="there is no cancellation to undo"):
        uncancel(subscription=subscribed(), at=JAN)


@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(
    second=st.integers(0, 31 * 24 * 3600 - 1),
    amount=st.decimals("0.01", "9999.99", places=2),
    proration=st.sampled_from(["second", "day", "none"]),
    is_undone=st.booleans(),
)
def test_used_and_given_back_are_the_full_price_at_any_instant(second, amount, proration, is_undone):
    with transaction.atomic():
        subscription = subscribed(fee(amount), proration=proration)
        opening = subscription.periods.get(kind="opening")
        close_period(period_id=opening.pk, at=JAN)
        ends_at = JAN + timedelta(seconds=second)
        canceled = cancel(subscription=subscription, at=JAN, ends_at=ends_at, give_back="credit")
        if is_undone and second:
            uncancel(subscription=subscription, at=JAN)
            canceled = cancel(subscription=subscription, at=JAN, ends_at=ends_at, give_back="credit")
        draft = preview_cancellation(subscription=subscription, at=JAN, ends_at=canceled.ends_at, give_back="credit")
        close_due(at=FEB + HOUR)  # a period that ends in the last hour of January is due after its grace
        used = prorated(amount, canceled.ends_at, proration)
        assert (credited_total(), charged_total()) == (amount - used, amount)
        assert sum(credit_note.totals.net for credit_note in draft.credit_notes) == credited_total()
        transaction.set_rollback(True)


def prorated(amount, ends_at, proration):
    days = (ends_at - JAN).days if proration == "day" else (ends_at - JAN) / DAY
    used = amount if proration == "none" else amount * D(days) / 31
    return used.quantize(D("0.01"), rounding="ROUND_HALF_UP")
