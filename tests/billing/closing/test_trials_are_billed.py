"""A trial has its own period: only usage may be billed for it, and fees start when it ends."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due, preview
from billing.models import Period
from billing.subscriptions import cancel, change_plan, generate_periods, set_quantity
from invoices.models import Line
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    MAR,
    assert_invoices_clean,
    commitment,
    fee,
    make_coupon,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.clean_books import assert_clean
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 10, tzinfo=UTC)
TRIAL_END = datetime(2026, 1, 24, tzinfo=UTC)
CALLS = offer("calls", included=100, rates=[rate("0.10")])


def day(text):
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def trial_plan(*, fees=(), offers=(CALLS,), usage="free", days=14, **fields):
    version = make_plan(fees=fees, offers=offers, trial_days=days, trial_usage=usage, **fields)
    return publish(version)


def lines_of(period):
    if period is None or period.invoice is None:
        return ""
    lines = Line.objects.filter(invoice=period.invoice).order_by("-kind", "position")
    return ", ".join(f"{line.kind} {line.amount.amount:.2f}" for line in lines)


def books_are_clean():
    assert_invoices_clean()
    assert_clean(
        names=["trials_have_the_agreed_length", "periods_have_no_gaps_or_overlaps", "periods_follow_their_anchor"]
    )


def close_until(moment):
    generate_periods(until=moment)
    close_due(at=moment)


@pytest.mark.parametrize("row", rows("closing.md", "trials"), ids=lambda row: row["why"])
def test_a_trial_is_billed_as_documented(row):
    version = trial_plan(fees=[fee("31", billed=row["fee"])], usage=row["usage"], anchor=row["anchor"])
    subscription = subscribe(make_customer(), version, starts_at=START)
    use(subscription, "calls", 150)
    if row["ends"]:
        cancel(subscription=subscription, at=START + HOUR, ends_at=day(row["ends"]))
    close_until(datetime(2026, 2, 24, 1, tzinfo=UTC) if row["anchor"] == "anniversary" else FEB + HOUR)
    trial = Period.objects.get(is_trial=True)
    paid = Period.objects.filter(is_trial=False).order_by("starts_at").first()
    paid_dates = f"{paid.starts_at:%m-%d} to {paid.ends_at:%m-%d}" if paid else ""
    assert (lines_of(trial) or "usage 0.00", paid_dates, lines_of(paid)) == (
        row["trial's invoice"],
        row["first paid period"],
        row["its invoice"],
    ), row["why"]
    books_are_clean()


OTHERS = [
    # start             days  usage   fee     calls  price  included  lines of the trial's invoice
    ("2015-05-20T00:00", 24, "billed", "200", 10, "2.5", 0, "usage 25.00, fee 120.00"),  # Silver, 18 of 30 days
    ("2015-02-20T00:00", 14, "billed", "200", 12, "2.5", 10, "usage 5.00, fee 167.74"),  # Silver, 26 of 31 days
    ("2024-03-05T12:12", 45, "billed", "50000", 1, "10", 0, "usage 10.00, fee 20000.00"),  # Lago, 12 of 30 days
]


@pytest.mark.parametrize(("start", "days", "usage", "base", "calls", "price", "included", "document"), OTHERS)
def test_fees_after_a_trial_equal_those_of_other_billing_systems(
    start, days, usage, base, calls, price, included, document
):
    offers = [offer("calls", included=included, rates=[rate(price)])]
    version = trial_plan(fees=[fee(base)], offers=offers, usage=usage, days=days, proration="day")
    starts_at = datetime.fromisoformat(start).replace(tzinfo=UTC)
    subscription = subscribe(make_customer(), version, starts_at=starts_at)
    use(subscription, "calls", calls)
    close_until(subscription.trial_ends_at + HOUR)
    assert lines_of(subscription.periods.get(is_trial=True)) == document


def test_free_usage_is_a_line_at_zero_with_its_reason():
    subscription = subscribe(make_customer(), trial_plan(fees=[fee("31")]), starts_at=START)
    use(subscription, "calls", 150)
    close_until(TRIAL_END + HOUR)
    line = Line.objects.get(kind="usage")
    assert (line.quantity, line.amount.amount, line.description) == (150, 0, "calls (trial)")
    assert line.explanation["trial"] == "free"
    assert line.explanation["billable"] == "50"


def test_late_usage_of_a_free_trial_is_free():
    version = trial_plan(fees=[fee("31", billed="arrears")], anchor="anniversary")
    subscription = subscribe(make_customer(), version, starts_at=START)
    close_until(TRIAL_END + HOUR)
    use(subscription, "calls", 500)
    Period.objects.filter(is_trial=True).update(late_since=TRIAL_END + HOUR)
    close_until(datetime(2026, 2, 24, 1, tzinfo=UTC))
    late = Line.objects.get(kind="late_usage")
    assert (late.amount.amount, late.description, late.explanation["trial"]) == (0, "calls (trial) (late)", "free")


def test_one_time_fees_are_due_when_the_trial_ends():
    fees = [fee("31"), fee("100", kind="one_time"), fee("7", kind="one_time", label="Welcome", billed="arrears")]
    subscribe(make_customer(), trial_plan(fees=fees, anchor="anniversary"), starts_at=START)
    close_until(TRIAL_END + HOUR)
    assert [str(line.amount.amount) for line in Line.objects.order_by("id")] == ["31.0000", "100.0000"]
    close_until(datetime(2026, 2, 24, 1, tzinfo=UTC))
    assert sorted(Line.objects.values_list("fee__label", flat=True)) == [
        "Base fee",
        "Base fee",
        "Setup fee",
        "Welcome",
    ]
    books_are_clean()


def test_seats_are_free_until_the_trial_ends():
    fees = [fee("10", label="Seats", basis="seat"), fee("50", label="Training", kind="one_time", basis="add_on")]
    version = trial_plan(fees=fees, anchor="anniversary")
    subscription = subscribe(make_customer(), version, starts_at=START, quantities={"seats": 2, "training": 1})
    set_quantity(subscription=subscription, fee_code="seats", quantity=5, at=START + HOUR, since=START + HOUR)
    close_until(TRIAL_END + HOUR)
    assert [str(line.amount.amount) for line in Line.objects.order_by("id")] == ["50.0000", "50.0000"]
    close_until(datetime(2026, 2, 24, 1, tzinfo=UTC))
    assert Line.objects.count() == 3
    books_are_clean()


def test_a_commitment_starts_after_the_trial():
    version = trial_plan(usage="billed", anchor="anniversary", commitments=[commitment("100", discount="50")])
    subscription = subscribe(make_customer(), version, starts_at=START)
    use(subscription, "calls", 150)
    generate_periods(until=FEB)
    use(subscription, "calls", 300, at=TRIAL_END)
    close_until(datetime(2026, 2, 24, 1, tzinfo=UTC))
    assert [(line.kind, str(line.amount.amount)) for line in Line.objects.order_by("id")] == [
        ("usage", "5.0000"),
        ("usage", "10.0000"),
        ("true_up", "90.0000"),
    ]
    books_are_clean()


def test_a_contract_counts_from_the_end_of_the_trial():
    version = trial_plan(usage="billed", anchor="anniversary", commitments=[commitment("100", periods=2)])
    subscription = subscribe(make_customer(), version, starts_at=START)
    use(subscription, "calls", 150)
    close_until(datetime(2026, 3, 24, 1, tzinfo=UTC))
    true_up = Line.objects.get(kind="true_up")
    assert (true_up.service_start, true_up.amount.amount) == (TRIAL_END, 100)
    books_are_clean()


@pytest.mark.parametrize(
    ("billed", "documents"),
    [
        ("advance", [["fee 31.00", "coupon -31.00"], ["fee 31.00"]]),
        ("arrears", [[], ["fee 31.00", "coupon -31.00"]]),
    ],
)
def test_a_coupon_for_one_invoice_is_for_the_first_with_fees(billed, documents):
    version = trial_plan(fees=[fee("31", billed=billed)], anchor="anniversary")
    subscription = subscribe(make_customer(), version, starts_at=START, coupons=[make_coupon(percent="100")])
    if billed == "advance":
        draft = preview(subscription=subscription, at=START)
        assert draft.totals.total == 0, "the preview has the coupon"
    close_until(datetime(2026, 2, 24, 1, tzinfo=UTC))
    line_texts = [
        [
            f"{line.kind} {line.amount.amount:.2f}"
            for line in Line.objects.filter(invoice=period.invoice_id).order_by("position")
        ]
        for period in subscription.periods.filter(state="closed").order_by("starts_at")
    ]
    assert line_texts == documents
    assert subscription.redemptions.with_use().get().used == 1
    books_are_clean()


def test_a_usage_window_over_several_periods_starts_after_the_trial():
    calls = make_feature("calls", meter=make_meter("calls", aggregation="sum", value_property="n"))
    version = make_plan(
        offers=[offer(calls, included=100, rates=[rate("0.10")])], trial_days=14, trial_usage="billed"
    )
    version.features.get().prices.update(resets_unit="year", resets_every=1)
    subscription = subscribe(make_customer("acme"), publish(version), starts_at=START)
    for moment, n in [(START, 150), (TRIAL_END, 110)]:
        event = {"id": f"{n}", "customer": "acme", "event": "calls", "timestamp": moment.isoformat()}
        assert send(event | {"properties": {"n": n}}) == ["accepted"]
    close_until(FEB + HOUR)
    amounts = [line.amount.amount for line in Line.objects.order_by("id")]
    assert amounts == [Decimal("5.00"), Decimal("1.00")]
    assert subscription.periods.count() == 3
    assert_clean("subscriptions", "usage", "invoices")


def test_the_maximum_of_a_usage_window_over_several_periods_is_prorated():
    offers = [offer("calls", rates=[rate("1")])]
    version = make_plan(offers=offers, trial_days=14, trial_usage="billed", anchor="anniversary")
    version.features.get().prices.update(resets_unit="year", resets_every=1, maximum=365)
    subscription = subscribe(make_customer("acme"), publish(version), starts_at=START)
    named = {"customer": "acme", "event": "calls", "timestamp": START.isoformat()}
    send(*({"id": f"{number}", **named} for number in range(20)))
    close_until(TRIAL_END + HOUR)
    assert lines_of(subscription.periods.get(is_trial=True)) == "usage 20.00, usage -6.00", "14 of 365"
    assert_clean("subscriptions", "usage", "invoices")


def test_a_flat_price_is_not_due_during_the_trial():
    flat = offer("calls", rates=[rate("9", model="flat")])
    subscribe(make_customer(), trial_plan(offers=[flat], usage="billed", anchor="anniversary"), starts_at=START)
    close_until(datetime(2026, 2, 24, 1, tzinfo=UTC))
    assert [line.amount.amount for line in Line.objects.all()] == [9]
    books_are_clean()


def test_a_trial_started_in_the_past_bills_every_missed_period():
    version = trial_plan(fees=[fee("31")])
    subscription = subscribe(make_customer(), version, starts_at=START, at=MAR)
    assert subscription.state == "active"
    close_until(MAR + HOUR)
    assert [f"{line.amount.amount:.2f}" for line in Line.objects.order_by("service_start")] == [
        "8.00",
        "31.00",
        "31.00",
    ]
    books_are_clean()


def test_a_plan_change_keeps_the_trials_end():
    starter = trial_plan(fees=[fee("31")], usage="billed", anchor="anniversary")
    pro = publish(make_plan(fees=[fee("62")], offers=[CALLS], anchor="anniversary"))
    subscription = subscribe(make_customer(), starter, starts_at=START)
    use(subscription, "calls", 150)
    change_plan(subscription=subscription, version=pro, at=START + timedelta(days=4))
    use(subscription, "calls", 300, at=START + timedelta(days=5))
    close_until(datetime(2026, 2, 24, 1, tzinfo=UTC))
    periods = [
        (period.is_trial, period.ends_at, lines_of(period)) for period in subscription.periods.order_by("starts_at")
    ]
    assert periods[:2] == [
        (True, START + timedelta(days=4), "usage 5.00"),
        (True, TRIAL_END, "usage 0.00, fee 62.00"),
    ]
    books_are_clean()


def test_the_preview_is_what_is_issued():
    subscription = subscribe(make_customer(), trial_plan(fees=[fee("31")], usage="billed"), starts_at=START)
    use(subscription, "calls", 150)
    draft = preview(subscription=subscription, at=START + HOUR)
    close_until(TRIAL_END + HOUR)
    issued = Period.objects.get(is_trial=True).invoice
    assert [(line.kind, line.amount) for line in draft.lines] == [
        (line.kind, line.amount.amount) for line in issued.lines.order_by("position")
    ]
    assert draft.totals.total == issued.total.amount == Decimal("13.00")


def test_without_a_trial_nothing_changes():
    subscription = subscribe(make_customer(), trial_plan(fees=[fee("31")]), starts_at=JAN, trial_days=0)
    assert subscription.trial_ends_at is None
    assert sorted(subscription.periods.values_list("kind", flat=True)) == ["opening", "regular"]
