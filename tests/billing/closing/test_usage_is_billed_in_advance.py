"""A price may be billed at once, or each time its usage has cost a stated amount more."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import bill_reached_thresholds, close_due
from billing.metering.usage.line_events import read_line_events, read_line_usage
from invoices.models import Invoice
from tests.billing.metering.corrections.correction_setup import correct_all, correction_request
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    assert_invoices_clean,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    tier,
)
from tests.clean_books import clean_after_test
from tests.docs_tables import DOCS

clean_books = clean_after_test("usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

D = Decimal
A_DAY, CLOSED = timedelta(days=1), FEB + timedelta(hours=2)
LADDER = [tier(100, 1), tier(None, "0.50")]

_ids = iter(range(10**6))


def subscribe_in_advance(each, *, price=None, included=10, rates=None, **meter):
    meter = make_meter("calls", event_name="call", **{"aggregation": "sum", "value_property": "n", **meter})
    offered = offer(
        make_feature("calls", meter=meter),
        included=included,
        rates=rates or [rate(tiers=LADDER)],
        price={"billed_each": D(each), **(price or {})},
    )
    return subscribe(make_customer("acme"), publish(make_plan(offers=[offered])))


def use(at, **properties):
    id_ = f"call-{next(_ids)}"
    event = {"id": id_, "customer": "acme", "event": "call", "timestamp": at.isoformat(), "properties": properties}
    assert send(event, at=at) == ["accepted"]
    return id_


def amounts():
    return [f"{invoice.net.amount:.2f}" for invoice in Invoice.objects.order_by("pk")]


def run(at):
    """Bill all due usage, twice: the second run finds nothing."""
    bill_reached_thresholds(at=at)
    assert bill_reached_thresholds(at=at) == 0
    assert_invoices_clean()


def documented():
    page = (DOCS / "closing.md").read_text(encoding="utf-8")
    table = page.split("| billed each |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


@pytest.mark.parametrize("row", documented(), ids=lambda row: f"{row[0]}: {row[1]}")
def test_usage_is_invoiced_as_documented(row):
    each, calls_so_far, invoices, end, _ = row
    subscribe_in_advance(each)
    so_far, last = 0, ""
    for day, count in enumerate(map(int, calls_so_far.split(", ")), 1):
        at = JAN + day * A_DAY
        if count < so_far:
            # A correction replaces the last event by one with fewer calls.
            properties = {"n": count}
            replacement = {"id": f"r{day}", "customer": "acme", "event": "call", "timestamp": at.isoformat()}
            correct_all(correction_request(last, replacement | {"properties": properties}), at=at)
        else:
            last = use(at, n=count - so_far)
        so_far = count
        run(at + timedelta(minutes=1))
    assert ", ".join(amounts()) == invoices
    early = len(amounts())
    close_due(at=CLOSED)
    rest = sum(
        (-invoice.net.amount if invoice.kind == "credit_note" else invoice.net.amount)
        for invoice in Invoice.objects.order_by("pk")[early:]
    )
    assert rest == D(end)


def test_a_decrease_waits_for_the_end_of_the_period():
    subscribe_in_advance(0, included=0)
    use(JAN + A_DAY, n=40)
    voided = use(JAN + A_DAY, n=20)
    run(JAN + A_DAY)
    correct_all(correction_request(voided), at=JAN + 2 * A_DAY)
    run(JAN + 2 * A_DAY)
    assert amounts() == ["60.00"]
    close_due(at=CLOSED)
    assert [note.net.amount for note in Invoice.objects.filter(kind="credit_note")] == [D(20)]


def test_all_that_is_due_for_a_subscription_is_on_one_invoice():
    offers = [
        offer(
            make_feature(code, meter=make_meter(code, event_name=code)), rates=[rate(2)], price={"billed_each": D(0)}
        )
        for code in ("sms", "mail")
    ]
    offers.append(offer(make_feature("later", meter=make_meter("later", event_name="later")), rates=[rate(3)]))
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    at = JAN + A_DAY
    events = [
        {"id": f"e{number}", "customer": "acme", "event": name, "timestamp": at.isoformat()}
        for number, name in enumerate(["sms", "mail", "later", "sms"])
    ]
    send(*events, at=at)
    run(at)
    [invoice] = Invoice.objects.all()
    assert [(line.description, line.quantity) for line in invoice.lines.order_by("position")] == [
        ("sms (so far)", 2),
        ("mail (so far)", 1),
    ]


def test_each_line_lists_the_events_that_it_bills():
    subscribe_in_advance(0, included=0)
    first = use(JAN + A_DAY, n=3)
    run(JAN + A_DAY)
    second, third = use(JAN + 2 * A_DAY, n=4), use(JAN + 2 * A_DAY, n=5)
    run(JAN + 2 * A_DAY)
    lines = [invoice.lines.get() for invoice in Invoice.objects.order_by("pk")]
    usages = [read_line_usage(line.pk) for line in lines]
    listed = [{event.row.sender_id for event in read_line_events(usage)} for usage in usages if usage]
    assert listed == [{first}, {second, third}]


def test_a_distinct_value_is_charged_when_it_first_appears():
    subscribe_in_advance(0, included=0, rates=[rate(5)], aggregation="unique", value_property="user")
    for day, user in enumerate(["ann", "bob", "ann", "cid"], 1):
        use(JAN + day * A_DAY, user=user)
        run(JAN + day * A_DAY)
    assert amounts() == ["5.00", "5.00", "5.00"]
    close_due(at=CLOSED)
    assert sum(invoice.net.amount for invoice in Invoice.objects.all()) == 15


def test_the_price_that_events_carry_is_passed_on_at_once():
    passed_on = [rate(model="dynamic", markup=D("1.1"))]
    subscribe_in_advance(
        0, included=0, rates=passed_on, aggregation="count", value_property="", price_property="cost"
    )
    use(JAN + A_DAY, cost="2.00")
    run(JAN + A_DAY)
    use(JAN + 2 * A_DAY, cost="3.50")
    run(JAN + 2 * A_DAY)
    assert amounts() == ["2.20", "3.85"]


def test_a_split_price_is_billed_by_value():
    subscribe_in_advance(0, included=0, price={"split_by": "key"})
    use(JAN + A_DAY, n=3, key="a")
    run(JAN + A_DAY)
    use(JAN + 2 * A_DAY, n=4, key="b")
    run(JAN + 2 * A_DAY)
    descriptions = [invoice.lines.get().description for invoice in Invoice.objects.order_by("pk")]
    assert descriptions == ["calls: a (so far)", "calls: b (so far)"]
