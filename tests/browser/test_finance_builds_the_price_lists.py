"""
Finance builds the usual price lists of AI products from nothing, in the browser, and the invoices are correct.

The assertions check the invoice: its lines and its total, in the database and on its page.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from billing import subscriptions
from billing.closing import close_due
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import parse_events
from billing.models import Subscription
from invoices.models import Invoice
from plans.models import PlanVersion
from tests.browser import steps
from tests.builders import make_customer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

D = Decimal


def tokens(page: Page) -> None:
    """A price per million tokens, by model and direction."""
    readings = {"input": "prompt_tokens", "output": "completion_tokens"}
    steps.add_meter(
        page,
        "Tokens",
        "llm.request",
        aggregation="sum",
        unit="token",
        dimensions="model",
        reading_dimension="direction",
        readings=readings,
    )
    steps.add_plan(page, "Token API", features=[{"name": "Tokens"}])
    steps.add_price(
        page,
        "Tokens",
        {"match": "model: large, direction: input", "unit_price": "2.50", "per": "1000000"},
        {"match": "model: large, direction: output", "unit_price": "10", "per": "1000000"},
        {"match": "", "unit_price": "0.60", "per": "1000000"},
    )


def messages(page: Page) -> None:
    """500 messages a month with a hard cap, for $9.99."""
    steps.add_meter(page, "Messages", "message.sent", unit="message")
    steps.add_plan(
        page,
        "Chat",
        fees=[{"label": "Base fee", "amount": "9.99"}],
        features=[{"name": "Messages", "consumption": "hard_cap", "included": "500"}],
    )


def prompts(page: Page) -> None:
    """$19.99 with 200 included prompts, and $0.05 for each further one."""
    steps.add_meter(page, "Prompts", "prompt.run", unit="prompt")
    steps.add_plan(
        page,
        "Studio",
        fees=[{"label": "Base fee", "amount": "19.99"}],
        features=[{"name": "Prompts", "consumption": "overage", "included": "200"}],
    )
    steps.add_price(page, "Prompts", {"unit_price": "0.05"})


def fast_requests(page: Page) -> None:
    """$20 with 500 included fast requests; further requests are slower and free."""
    steps.add_meter(page, "Fast requests", "request.fast", unit="request")
    steps.add_plan(
        page,
        "Editor",
        fees=[{"label": "Base fee", "amount": "20"}],
        features=[{"name": "Fast requests", "consumption": "overage", "included": "500"}],
    )
    steps.add_price(page, "Fast requests", {"unit_price": "0"})


def hybrid(page: Page) -> None:
    """
    $49 and $10 a seat, with one seat included; 10,000 included calls, and a tenth of a cent for each further one.
    """
    steps.add_meter(page, "Calls", "api.call", unit="call")
    steps.add_plan(
        page,
        "Team",
        fees=[
            {"label": "Base fee", "amount": "49", "billed": "arrears"},
            {"label": "Seats", "amount": "10", "billed": "arrears", "basis": "seat", "included": "1"},
        ],
        features=[{"name": "Calls", "consumption": "overage", "included": "10000"}],
    )
    steps.add_price(page, "Calls", {"unit_price": "0.001"})


def tickets(page: Page) -> None:
    """$0.99 per resolved ticket; an attempt costs nothing."""
    steps.add_meter(page, "Resolved tickets", "ticket.closed", unit="ticket", filters='{"status": ["resolved"]}')
    steps.add_plan(page, "Support", features=[{"name": "Resolved tickets"}])
    steps.add_price(page, "Resolved tickets", {"unit_price": "0.99"})


def used(event: str, count: int, **properties: Any) -> list[dict[str, Any]]:
    return [{"event": event, "properties": properties} for _ in range(count)]


SEATS = {"seats": 5}

LISTS = [
    (
        tokens,
        {},
        [
            (
                used("llm.request", 3, model="large", prompt_tokens=400_000, completion_tokens=100_000)
                + used("llm.request", 1, model="small", prompt_tokens=900_000, completion_tokens=100_000),
                ["3.00", "3.00", "0.60"],
            )
        ],
    ),
    (messages, {}, [(used("message.sent", 520), ["9.99", "0.00"])]),
    (prompts, {}, [(used("prompt.run", 180), ["19.99", "0.00"]), (used("prompt.run", 400), ["19.99", "10.00"])]),
    (fast_requests, {}, [(used("request.fast", 800), ["20.00", "0.00"])]),
    (hybrid, SEATS, [(used("api.call", 12_000), ["49.00", "40.00", "2.00"])]),
    (
        tickets,
        {},
        [(used("ticket.closed", 10, status="resolved") + used("ticket.closed", 5, status="open"), ["9.90"])],
    ),
]
"""Price lists, their quantities, and customers: the usage of each, and the amounts of their lines."""


IN_SHORT = {tokens, hybrid}
"""The lists built at each change, which cover most fields; the others are built by `make prove ARGS=long`."""

BUILT = [
    pytest.param(*case, id=case[0].__name__, marks=[] if case[0] in IN_SHORT else [pytest.mark.long])
    for case in LISTS
]


@pytest.mark.parametrize(("build", "quantities", "customers"), BUILT)
def test_a_price_list_built_in_the_browser_gives_the_right_invoice(signed_in, build, quantities, customers):
    page = signed_in("finance")
    build(page)
    steps.publish_now(page)
    start = last_month()
    for number, (usage, amounts) in enumerate(customers):
        customer = f"globex-{number}"
        subscription = subscribe(start, customer)
        for code, quantity in quantities.items():
            subscriptions.set_quantity(
                subscription=subscription,
                fee_code=code,
                quantity=quantity,
                since=start,
                at=start,
                by=None,
                reason="order",
            )
        send(usage, customer=customer, when=start + timedelta(days=9))
        invoice = bill(subscription, start)
        assert [line.amount.amount for line in invoice.lines.order_by("position")] == [
            D(amount) for amount in amounts
        ]
        see(page, invoice)


def last_month() -> datetime:
    first = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first - timedelta(days=1)).replace(day=1)


def subscribe(start: datetime, name: str = "globex") -> Subscription:
    customer = make_customer(name)
    return subscriptions.start(
        customer=customer, version=PlanVersion.objects.get(), starts_at=start, at=timezone.now()
    )


def send(
    usage: Iterable[dict[str, Any]], *, when: datetime, customer: str = "globex", at: datetime | None = None
) -> None:
    at = at or timezone.now()
    events = [
        {"id": f"{customer}-{when:%m-%d}-{number}", "customer": customer, "timestamp": when.isoformat(), **event}
        for number, event in enumerate(usage)
    ]
    for start in range(0, len(events), 10_000):
        body = json.dumps(events[start : start + 10_000]).encode()
        parsed, refused, _ = parse_events(body, sandbox=False, at=at, oldest=when - timedelta(days=1), newest=at)
        assert not refused
        assert record_events(events=parsed, sandbox=False, at=at)


def bill(subscription: Subscription, start: datetime) -> Invoice:
    subscriptions.generate_periods(until=timezone.now())
    close_due(at=timezone.now())
    return subscription.periods.get(starts_at=start, kind="regular").invoice


def see(page: Page, invoice: Invoice) -> None:
    """Compare the invoice's page with the invoice."""
    page.goto(f"/admin/invoices/invoice/{invoice.pk}/change/")
    expect(page.locator("#main")).to_contain_text(invoice.number)
    expect(page.locator("#content-main")).to_contain_text(f"${invoice.total.amount:,.2f}")
