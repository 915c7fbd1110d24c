"""The usage pages of an invoice show its billed usage, by day of the customer's clock and by dimension."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing import closing
from billing.metering.usage.invoice_appendix import MAX_VALUES, read_invoice_usage
from billing.models import Subscription
from invoices.models import Invoice
from invoices.rendering.renderer import render_one
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, request, send
from tests.invoices.rendering.pdf_reader import text_of

pytestmark = pytest.mark.django_db
D = Decimal
BERLIN = ZoneInfo("Europe/Berlin")


def close_january(subscription: Subscription) -> Invoice:
    period = subscription.periods.filter(kind="regular").order_by("starts_at").first()
    invoice = closing.close_period(period_id=period.pk, at=period.due_at)
    assert invoice is not None
    return invoice


def at_time(moment: datetime, event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "timestamp": moment.isoformat()}


def on_day(day: int, hour: int = 12, month: int = 1) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=BERLIN)


@pytest.fixture
def subscription() -> Subscription:
    return make_metered_subscription(time_zone="Europe/Berlin")


def test_each_meter_is_shown_by_day_and_dimension(subscription):
    send(
        at_time(on_day(3), call("c1")),
        at_time(on_day(5, 23), request("r1", 100, 20, meta={"region": "eu"})),
        at_time(on_day(6, 0), request("r2", "0.5", 0, model="other")),
    )
    calls, tokens = sorted(read_invoice_usage(invoice=close_january(subscription)), key=lambda usage: usage.name)
    assert (calls.name, calls.unit, calls.total, calls.step) == ("calls", "call", D(1), "day")
    assert calls.steps == ((date(2026, 1, 3), D(1)),)
    assert calls.dimensions == ()
    assert tokens.total == D("120.5")
    assert tokens.steps == ((date(2026, 1, 5), D(120)), (date(2026, 1, 6), D("0.5"))), "days of the customer's clock"
    values = {dimension.name: dimension.values for dimension in tokens.dimensions}
    assert values == {
        "model": (("gpt", D(120)), ("other", D("0.5"))),
        "meta.region": (("eu", D(120)), (None, D("0.5"))),
        "type": (("input", D("100.5")), ("output", D(20))),
    }
    assert {usage.unmatched for usage in (calls, tokens)} == {D(0)}


def test_only_the_largest_values_are_named(subscription):
    count = MAX_VALUES + 5
    send(*(at_time(on_day(5), request(f"r{n}", n * 1_000, 0, model=f"m{n:02}")) for n in range(1, count + 1)))
    (tokens,) = read_invoice_usage(invoice=close_january(subscription))
    model = next(dimension for dimension in tokens.dimensions if dimension.name == "model")
    assert model.values[0] == (f"m{count}", D(count * 1_000))
    assert len(model.values) == MAX_VALUES
    assert (model.other_values, model.other_quantity) == (5, D(15_000))


def test_usage_after_the_issue_is_shown_separately(subscription):
    send(at_time(on_day(3), call("c1")))
    invoice = close_january(subscription)
    after = invoice.issued_at + timedelta(minutes=1)
    send(at_time(on_day(4), call("c2")), at_time(on_day(4), call("c3")), at=after)
    (calls,) = read_invoice_usage(invoice=invoice)
    assert (calls.total, calls.unmatched) == (D(3), D(2))


def test_an_invoice_without_usage_has_no_usage_pages(subscription):
    """An opening invoice bills fees before any usage."""
    opening = Invoice.objects.create(
        reference="opening",
        seller=subscription.customer.seller,
        customer=subscription.customer,
        currency="USD",
        net=0,
        tax=0,
        total=0,
        period_start=on_day(1),
        period_end=on_day(1),
        created_at=on_day(1),
    )
    assert read_invoice_usage(invoice=opening) == ()


def test_statements_do_not_grow_with_usage(subscription, django_assert_num_queries):
    send(*(at_time(on_day(1 + n % 28), request(f"r{n}", n, 1, model=f"m{n}")) for n in range(1, 60)))
    invoice = close_january(subscription)
    with django_assert_num_queries(3):
        read_invoice_usage(invoice=invoice)


def test_usage_is_on_the_printed_invoice(subscription):
    send(
        at_time(on_day(5), request("r1", 2_400, 1_100, meta={"region": "eu"})),
        at_time(on_day(3), call("c1")),
    )
    invoice = close_january(subscription)
    page_text = text_of(bytes(render_one(invoice_id=invoice.pk, at=invoice.issued_at).content))
    for text in (
        "tokens by day 3,500 call",
        "meta.region Quantity eu 3,500",
        "type Quantity input 2,400 output 1,100",
        invoice.number,
    ):
        assert text in page_text
