"""An upgrade in mid-period: used allowance stays used, and tiers continue instead of starting again."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due, close_period, preview
from billing.closing.period_close import ClosingFailed
from billing.limits.check import check
from billing.metering.usage.current_usage import current_usage
from billing.models import Period
from billing.subscriptions import ChangeRefused, apply_coupon, change_plan
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice, Line
from plans.models import Price
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    MAR,
    fee,
    make_coupon,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    tier,
)
from tests.clean_books import assert_clean
from tests.docs_tables import rows

SUBJECTS = ("subscriptions", "usage", "invoices", "payments")

pytestmark = pytest.mark.django_db

D = Decimal
DAY_10 = JAN + timedelta(days=10)
HOUR = timedelta(hours=1)
GRADUATED = [tier(10_000, "0.01"), tier(None, "0.005")]


def calls(included, *tiers, price="0.01", **fields):
    rates = [rate(tiers=tiers)] if tiers else [rate(price)]
    meter = make_meter("calls", aggregation="sum", value_property="n")
    return offer(make_feature("calls", meter=meter), included=included, rates=rates, **fields)


def version(code, *offers):
    return publish(make_plan(code, offers=offers))


def sent(id_, moment, n, at=None):
    event = {"id": id_, "customer": "acme", "event": "calls", "timestamp": moment.isoformat(), "properties": {"n": n}}
    send(event, at=at or moment)


def billed():
    """Return (quantity, amount) of every usage line, in the order of the invoices."""
    lines = Line.objects.filter(kind__in=["usage", "late_usage"]).order_by("invoice_id", "position")
    return [(line.quantity, line.amount.amount) for line in lines]


def upgrade(old, new, before, after):
    """Use `before` calls by day 10, then change from the old version to the new one and use `after`."""
    subscription = subscribe(make_customer("acme"), old)
    sent("before", JAN + timedelta(days=9), before)
    change_plan(subscription=subscription, version=new, at=DAY_10)
    sent("after", DAY_10 + HOUR, after)
    return subscription


@pytest.mark.parametrize("row", rows("closing.md", "plan-changes"), ids=lambda row: row["why"])
def test_each_part_is_billed_by_its_own_version_as_documented(row):
    make_seller(zero_invoices="issue")
    before, after = int(row["before"]), int(row["after"])
    subscription = upgrade(version("starter", calls(50_000)), version("pro", calls(200_000)), before, after)
    close_due(at=FEB + HOUR)
    parts = subscription.periods.filter(starts_at__lt=FEB).order_by("starts_at")
    assert [part.invoice.net.amount for part in parts] == [D(row["old part"]), D(row["new part"])]
    assert_clean(*SUBJECTS)


def test_a_hard_cap_is_prorated_as_well_in_the_check():
    old = version("starter", offer("messages", included=500, consumption="hard_cap"))
    new = version("pro", offer("messages", included=1000, consumption="hard_cap"))
    subscription = subscribe(make_customer("acme"), old)
    change_plan(subscription=subscription, version=new, at=DAY_10)
    answer = check(customer="acme", feature="messages", quantity=D(1), sandbox=False, at=DAY_10)
    assert (answer.included, answer.remaining) == (678, 678)


def test_tiers_continue_where_the_old_version_ended():
    upgrade(version("starter", calls(0, *GRADUATED)), version("pro", calls(0, *GRADUATED)), 9_000, 3_000)
    close_due(at=FEB + HOUR)
    assert billed() == [(D(9_000), D("90.00")), (D(3_000), D("20.00"))]
    line = Line.objects.get(quantity=3_000)
    assert line.explanation["climbed"] == "9000"
    assert [(part["from"], part["units"]) for part in line.explanation["parts"]] == [
        ("9000", "1000"),
        ("10000", "2000"),
    ]
    assert_clean(*SUBJECTS)


def test_a_second_change_continues_from_both():
    ladder = [calls(0, *GRADUATED)]
    subscription = upgrade(version("a", *ladder), version("b", *ladder), 6_000, 3_000)
    change_plan(subscription=subscription, version=version("c", *ladder), at=DAY_10 + 2 * HOUR)
    sent("last", DAY_10 + 3 * HOUR, 3_000)
    close_due(at=FEB + HOUR)
    assert billed() == [(D(6_000), D("60.00")), (D(3_000), D("30.00")), (D(3_000), D("20.00"))]
    assert_clean(*SUBJECTS)


def test_current_usage_and_preview_agree_once_the_old_part_is_billed():
    subscription = upgrade(version("a", calls(0, *GRADUATED)), version("b", calls(0, *GRADUATED)), 9_000, 3_000)
    close_due(at=DAY_10 + 2 * HOUR)
    (usage,) = current_usage(customer="acme", sandbox=False, at=DAY_10 + 2 * HOUR)
    assert usage.cost == D("20.00")
    assert preview(subscription=subscription, at=DAY_10 + 2 * HOUR).totals.net == D("20.00")


def test_late_usage_of_the_old_part_moves_the_new_part_to_higher_tiers():
    """In the end 12,000 and 3,000 cost the same as 15,000: 125.00."""
    ladder = [calls(0, *GRADUATED)]
    subscription = upgrade(version("a", *ladder), version("b", *ladder), 9_000, 3_000)
    close_due(at=FEB + HOUR)
    sent("late", DAY_10 - HOUR, 3_000, at=FEB + HOUR)
    close_due(at=MAR + HOUR)
    assert_clean(*SUBJECTS)
    sent("next", MAR + HOUR, 1_000)  # an invoice above the credit of five dollars
    close_due(at=MAR + timedelta(days=31, hours=1))
    old, new = subscription.periods.filter(starts_at__lt=FEB).order_by("starts_at")
    of_january = Line.objects.filter(usage__period__in=[old, new])
    assert sum(line.amount.amount for line in of_january) == D("125.00")
    assert not Period.objects.filter(late_since__isnull=False).exists()
    assert_clean(*SUBJECTS)


def test_the_new_part_waits_until_the_old_one_is_billed():
    ladder = [calls(0, *GRADUATED)]
    subscription = upgrade(version("a", *ladder), version("b", *ladder), 9_000, 3_000)
    old, new = subscription.periods.filter(starts_at__lt=FEB).order_by("starts_at")
    with pytest.raises(ClosingFailed):
        close_period(period_id=new.pk, at=FEB + HOUR)
    close_period(period_id=old.pk, at=FEB + HOUR)
    close_period(period_id=new.pk, at=FEB + HOUR)
    assert billed() == [(D(9_000), D("90.00")), (D(3_000), D("20.00"))]


def test_a_minimum_is_prorated_for_each_version():
    drafts = [make_plan(code, offers=[calls(0)]) for code in ("a", "b")]
    Price.objects.update(minimum=D(31))
    old, new = map(publish, drafts)
    subscription = subscribe(make_customer("acme"), old)
    change_plan(subscription=subscription, version=new, at=DAY_10)
    close_due(at=FEB + HOUR)
    assert [amount for _, amount in billed()] == [D("10.00"), D("21.00")]
    assert_clean(*SUBJECTS)


def test_a_feature_priced_by_level_changes_only_at_the_periods_end():
    seats = make_feature("seats", meter=make_meter("seats", aggregation="max", value_property="n"))
    old = version("starter", offer(seats, rates=[rate("10")]))
    subscription = subscribe(make_customer("acme"), old)
    with pytest.raises(ChangeRefused, match=r"seats is charged by maximum, .* charge twice\. Change the plan"):
        change_plan(subscription=subscription, version=version("pro", calls(0)), at=DAY_10)


def test_with_daily_proration_a_version_replaced_on_the_same_day_is_credited_in_full():
    fees = {"a": "31", "b": "62", "c": "93"}
    first, *others = (publish(make_plan(code, fees=[fee(fees[code])], proration="day")) for code in fees)
    subscription = subscribe(make_customer("acme"), first)
    close_due(at=JAN + HOUR)
    for at, version in zip((DAY_10, DAY_10 + 2 * HOUR), others, strict=True):
        change_plan(subscription=subscription, version=version, at=at)
        close_due(at=at + HOUR)
    amounts = Line.objects.filter(service_start__gte=JAN).order_by("invoice_id", "position").values_list("amount")
    assert [amount for (amount,) in amounts] == [D(31), D(-21), D(42), D(-42), D(63)]
    assert_clean(*SUBJECTS)


FEES = [
    # off    credit       coupon     why
    (0, "-21.00", None, "21 of 31 days are unused"),
    (25, "-15.75", "-15.75", "the invoiced amount is credited, not the list price"),
    (100, None, "-63.00", "nothing was paid, so nothing is given back"),
]


@pytest.mark.parametrize(("percent", "given_back", "off", "why"), FEES)
def test_a_fee_paid_in_advance_is_credited_as_it_was_invoiced(percent, given_back, off, why):
    """31.00 was due for January; the new version costs 93.00 for 21 of 31 days."""
    old, new = (publish(make_plan(code, fees=[fee(amount)])) for code, amount in (("old", "31"), ("new", "93")))
    subscription = subscribe(make_customer("acme"), old)
    if percent:
        coupon = make_coupon(percent=D(percent), duration="forever")
        apply_coupon(subscription=subscription, coupon=coupon, at=JAN)
    close_due(at=JAN + HOUR)
    part = change_plan(subscription=subscription, version=new, at=DAY_10)
    expected = [line.amount for line in preview(period=part.continues, at=DAY_10).lines]
    close_due(at=DAY_10 + HOUR)
    lines = Line.objects.filter(invoice__periods=part.continues_id).order_by("position")
    assert [line.amount.amount for line in lines] == expected
    by_kind = {line.kind: line.amount.amount for line in lines}
    assert (by_kind.get("proration"), by_kind.get("coupon")) == (given_back and D(given_back), off and D(off)), why
    assert by_kind["fee"] == D("63.00")
    assert_clean(*SUBJECTS)


BY_HAND = [
    # off  by hand  given back   why
    (0, "10.00", "-21.00", "31.00 less 10.00 leave as much as is unused"),
    (0, "20.00", "-11.00", "a manual credit is not repeated"),
    (25, "20.00", "-3.25", "nor more than the amount after a coupon"),
    (0, "31.00", None, "nothing is left of it"),
]


@pytest.mark.parametrize(("percent", "by_hand", "given_back", "why"), BY_HAND)
def test_an_amount_credited_by_a_credit_note_is_not_credited_again(percent, by_hand, given_back, why):
    old, new = (publish(make_plan(code, fees=[fee(amount)])) for code, amount in (("old", "31"), ("new", "93")))
    subscription = subscribe(make_customer("acme"), old)
    if percent:
        apply_coupon(subscription=subscription, coupon=make_coupon(percent=D(percent), duration="once"), at=JAN)
    close_due(at=JAN + HOUR)
    (opening,) = Invoice.objects.all()
    issue_credit_note(
        invoice_id=opening.pk,
        lines=[RequestedCredit(1, D(by_hand))],
        reason="Agreed",
        to="balance",
        at=JAN + 2 * HOUR,
    )
    part = change_plan(subscription=subscription, version=new, at=DAY_10)
    close_due(at=DAY_10 + HOUR)
    lines = Line.objects.filter(invoice__periods=part.continues_id)
    assert {line.kind: line.amount.amount for line in lines}.get("proration") == (given_back and D(given_back)), why
    assert_clean(*SUBJECTS)


def test_a_downgrade_is_credited_by_a_note_on_the_invoice():
    """93.00 paid in advance, at 10% tax; the cheaper version costs 6.30, so 56.70 and its tax are credited."""
    make_tax("10")
    old, new = (publish(make_plan(code, fees=[fee(amount)])) for code, amount in (("old", "93"), ("new", "9.30")))
    subscription = subscribe(make_customer("acme"), old)
    close_due(at=JAN + HOUR)
    part = change_plan(subscription=subscription, version=new, at=DAY_10)
    close_due(at=DAY_10 + HOUR)
    note = Invoice.objects.get(kind="credit_note")
    assert (note.net.amount, note.tax.amount) == (D("63.00"), D("6.30"))
    assert Period.objects.get(pk=part.continues_id).invoice.net.amount == D("6.30")
    assert_clean(*SUBJECTS)


def test_a_credit_above_its_invoice_goes_on_to_the_earlier_one():
    """An invoice of 42.00 less 21.00 can't hold a credit of 40.00; the first one takes the rest."""
    first, second, free = (
        publish(make_plan(code, fees=[fee(amount)])) for code, amount in (("a", "31"), ("b", "62"), ("c", "0"))
    )
    subscription = subscribe(make_customer("acme"), first)
    close_due(at=JAN + HOUR)
    change_plan(subscription=subscription, version=second, at=DAY_10)
    close_due(at=DAY_10 + HOUR)
    part = change_plan(subscription=subscription, version=free, at=DAY_10 + timedelta(days=1))
    expected = preview(period=part.continues, at=DAY_10 + timedelta(days=1)).credit_notes
    close_due(at=DAY_10 + timedelta(days=1, hours=1))
    invoices = [
        (invoice.net.amount, invoice.credited)
        for invoice in Invoice.objects.filter(kind="invoice").order_by("pk")[:2]
    ]
    assert invoices == [(D("31.00"), D("19.00")), (D("21.00"), D("21.00"))]
    assert sorted(note.totals.net for note in expected) == [D("19.00"), D("21.00")]
    notes = Line.objects.filter(invoice__kind="credit_note").order_by("corrects_line_id")
    assert [(line.kind, line.amount.amount, line.service_start) for line in notes] == [
        ("fee_credit", D("19.00"), DAY_10 + timedelta(days=1)),
        ("fee_credit", D("21.00"), DAY_10 + timedelta(days=1)),
    ]
    assert_clean(*SUBJECTS, "revenue")
