"""
Five ways to pay in advance, from purchase to invoice, over HTTP: usage paid from a wallet is not invoiced again.
"""

import json
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import time_machine

from billing import subscriptions
from billing.closing import close_due
from invoices.models import Invoice
from lib.currencies import CREDITS
from tests.api.calls import Caller, problem
from tests.builders import (
    FEB,
    JAN,
    fee,
    make_feature,
    make_meter,
    make_pack,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def shop():
    """Return a seller that charges 19% tax, and a caller on January 1."""
    make_seller()
    make_tax(19)
    with time_machine.travel(JAN, tick=False):
        yield Shop()


class Shop:
    """HTTP requests of a product for one customer: acme."""

    def __init__(self) -> None:
        self.caller = Caller()
        self.sent = 0
        customer = {"id": "acme", "legal_name": "Acme Inc.", "country": "US", "currency": "USD"}
        assert self.caller.post("/customers", customer).status_code == 201

    def open(self, version: Any, **wallet: Any) -> int:
        """Subscribe, and return the id of a new wallet."""
        publish(version)
        response = self.caller.post("/subscriptions", {"id": "acme-1", "customer": "acme", "plan": version.plan.code})
        assert response.status_code == 201, response.content
        return self.caller.post("/wallets", {"customer": "acme", "name": "Prepaid", **wallet}).json()["id"]

    def buy(self, wallet: int, pack: str, *, pay: bool = True, **order: Any) -> dict[str, Any]:
        """Buy a pack, pay its invoice, and return the invoice."""
        bought = self.caller.post(f"/wallets/{wallet}/purchases", {"pack": pack, "reference": f"o-{pack}", **order})
        assert bought.status_code == 201, bought.content
        invoice = bought.json()["invoice"]
        if pay:
            paid = self.caller.post(f"/invoices/{invoice}/payments", {"reference": f"bank-{invoice}"})
            assert paid.status_code == 201, paid.content
        return self.caller.get(f"/invoices/{invoice}").json()

    def use(self, event: str, times: int = 1, *, at: datetime = JAN + HOUR, **properties: Any) -> None:
        """Report an event `times` times, and the last one again by mistake."""
        body = []
        for _ in range(times):
            self.sent += 1
            event_fields = {"timestamp": at.isoformat(), "properties": properties}
            body.append({"id": f"e{self.sent}", "customer": "acme", "event": event, **event_fields})
        with time_machine.travel(max(at, JAN + HOUR), tick=False):
            assert self.caller.post("/events", body).json()["accepted"] == times
            assert self.caller.post("/events", body[:1]).json()["duplicate"] == 1

    def balance(self, wallet: int) -> str:
        return self.caller.get(f"/wallets/{wallet}").json()["balance"]

    def january(self) -> Invoice:
        """Close January, and return its invoice."""
        subscriptions.generate_periods(until=FEB + 2 * HOUR)
        result = close_due(at=FEB + 2 * HOUR)
        assert not result.failed
        return Invoice.objects.get(reference__startswith="period:", period_start=JAN, period_end=FEB)


def line_amounts(invoice: Invoice) -> dict[str, str]:
    return {line.description: f"{line.amount.amount:.2f}" for line in invoice.lines.order_by("position")}


def counted(code: str, **meter: Any) -> Any:
    return make_feature(code, meter=make_meter(code, event_name=code, **meter))


def test_half_a_million_credits_are_drawn_down_by_hundreds_and_thousands(shop):
    calls = counted("calls", dimensions=["kind"])
    prices = {CREDITS: [rate(100, match={"kind": "simple"}), rate(1000, match={"kind": "complex"})]}
    offers = [offer(calls, prices=prices, consumption="credits")]
    wallet = shop.open(make_plan("credits", fees=[fee("20", billed="arrears")], offers=offers))
    make_pack("half-a-million", units=500_000, prices={"USD": 50})

    invoice = shop.buy(wallet, "half-a-million")
    assert (invoice["net"]["amount"], invoice["tax"]["amount"], invoice["state"]) == ("50.00", "9.50", "paid")
    shop.use("calls", 3, kind="simple")
    shop.use("calls", 2, kind="complex")

    assert shop.balance(wallet) == "497700"
    spent = shop.caller.get(f"/wallets/{wallet}/transactions", kind="spend").json()["data"]
    assert sum(D(spent_transaction["units"]) for spent_transaction in spent) == -2300
    january = shop.january()
    assert {name for name, amount in line_amounts(january).items() if D(amount)} == {"Credits: Base fee"}
    assert january.net.amount == 20, "the used credits were paid with the pack"


def test_generations_are_priced_by_quality(shop):
    images = counted("images", dimensions=["quality"])
    by_quality = [rate(1), rate(5, match={"quality": "hd"}), rate(10, match={"quality": "ultra"})]
    offers = [offer(images, prices={CREDITS: by_quality}, consumption="credits")]
    wallet = shop.open(make_plan("images", offers=offers))
    make_pack("hundred", units=100, prices={"USD": 10})
    shop.buy(wallet, "hundred")

    shop.use("images", 4)
    shop.use("images", 2, quality="hd")
    shop.use("images", 8, quality="ultra")

    assert shop.balance(wallet) == "6"
    arguments = {"customer": "acme", "feature": "images"}
    with time_machine.travel(JAN + DAY, tick=False):
        assert shop.caller.post("/check", {**arguments, "properties": {"quality": "hd"}}).json()["allowed"]
        refused = shop.caller.post("/check", {**arguments, "properties": {"quality": "ultra"}}).json()
    assert refused["remedy"] == {"kind": "top_up", "unit": "credits", "missing": "4"}


def test_dollars_are_drawn_down_per_token_at_the_rates_of_each_model(shop):
    tokens = counted("tokens", aggregation="sum", value_property="n", dimensions=["model", "type"])
    rates = [
        rate("0.0000025", match={"model": "large", "type": "input"}),
        rate("0.00001", match={"model": "large", "type": "output"}),
        rate("0.00000015", match={"model": "small"}),
    ]
    wallet = shop.open(make_plan("dollars", offers=[offer(tokens, rates=rates, consumption="balance")]), unit="USD")
    make_pack("ten-dollars", unit="money", units=10, prices={"USD": 10})
    shop.buy(wallet, "ten-dollars")

    shop.use("tokens", n=1, model="large", type="input")
    assert shop.balance(wallet) == "9.9999975", "one token costs $0.0000025"
    shop.use("tokens", n=1_000_000, model="large", type="input")
    shop.use("tokens", n=200_000, model="large", type="output")
    shop.use("tokens", n=3_000_000, model="small", type="input")

    assert shop.balance(wallet) == "5.0499975"
    with time_machine.travel(JAN + DAY, tick=False):
        arguments = {"customer": "acme", "feature": "tokens", "quantity": 600_000}
        payload = shop.caller.post("/check", {**arguments, "properties": {"model": "large", "type": "output"}}).json()
    assert (payload["allowed"], payload["cost"]) == (False, {"amount": "6", "unit": "USD"})


def test_message_501_of_500_is_refused_by_every_endpoint(shop):
    messages = counted("messages")
    shop.open(make_plan("capped", offers=[offer(messages, included=500, consumption="hard_cap")]))
    shop.use("messages", 498)

    with time_machine.travel(JAN + DAY, tick=False):
        arguments = {"customer": "acme", "feature": "messages"}
        reservation = shop.caller.post("/reservations", {**arguments, "id": "m499"}).json()
        event = {"customer": "acme", "event": "messages"}
        assert shop.caller.post("/events?check=true", {**event, "id": "m500"}).status_code == 200
        problem(shop.caller.post("/events?check=true", {**event, "id": "m501"}), 402, "limit-reached")
        assert not shop.caller.post("/check", arguments).json()["allowed"]
        problem(shop.caller.post("/reservations", {**arguments, "id": "m501"}), 402, "limit-reached")
        assert shop.caller.post(f"/reservations/{reservation['number']}/commit", {}).json()["used"] == "1"
        payload = json.loads(shop.caller.post("/check", arguments).content)
    assert (payload["used"], payload["reserved"], payload["remaining"]) == ("500", "0", "0")
    assert payload["resets_at"] == "2026-02-01T00:00:00Z"


def test_an_unpaid_pack_gives_nothing(shop):
    runs = counted("runs")
    wallet = shop.open(make_plan("runs", offers=[offer(runs, prices={CREDITS: [rate(1)]}, consumption="credits")]))
    make_pack("hundred", units=100, prices={"USD": 99})

    invoice = shop.buy(wallet, "hundred", pay=False)

    assert (invoice["state"], shop.balance(wallet)) == ("issued", "0")
    assert not shop.caller.post("/check", {"customer": "acme", "feature": "runs"}).json()["allowed"]
