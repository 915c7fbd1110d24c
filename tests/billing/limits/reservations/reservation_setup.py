"""Customers for reservations: under a hard cap, and with a wallet."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.limits.check import CheckAnswer, check
from billing.limits.reservations import reserve
from billing.models import Reservation, Subscription
from lib.currencies import CREDITS
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    JAN,
    Number,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet

NOW = JAN + timedelta(days=10)
MINUTE = timedelta(minutes=1)


def capped_customer(name: str = "acme", *, most: Number = 100, **fields: Any) -> Subscription:
    """Return the subscription of a customer with at most this many messages."""
    offers = [
        offer("messages", included=most, consumption="hard_cap"),
        offer("calls", rates=[rate("0.50")]),
    ]
    version = publish(make_plan(f"plan-{name}", offers=offers))
    return subscribe(make_customer(name, **fields), version)


def keyed_customer() -> Subscription:
    """Return one of acme's two subscriptions: tokens at 0.50 by key, and mails at 1."""
    tokens = make_feature("tokens", meter=make_meter("tokens", event_name="token", dimensions=["key"]))
    customer = make_customer("acme")
    first = subscribe(customer, publish(make_plan("keyed", offers=[offer(tokens, rates=[rate("0.50")])])))
    subscribe(customer, publish(make_plan("mails", offers=[offer("mails", rates=[rate("1")])])))
    return first


def prepaid_customer(name: str = "acme", *, balance: Number = 100, **conditions: Any) -> Wallet:
    """Return the wallet of a customer whose runs cost 1 credit each, and 10 if they are complex."""
    feature = make_feature("runs", meter=make_meter("runs", event_name="run", dimensions=["kind"]))
    prices = {CREDITS: [rate("1"), rate("10", match={"kind": "complex"})]}
    version = publish(
        make_plan(f"plan-{name}", offers=[offer(feature, prices=prices, consumption="credits", **conditions)])
    )
    customer = make_customer(name)
    subscribe(customer, version)
    wallet = Wallet.objects.create(customer=customer)
    if balance:
        grant(wallet_id=wallet.pk, grants=[Grant("purchased", Decimal(balance), "pack", cost=Decimal(99))], at=JAN)
    return wallet


def hold(
    reference: str = "run-1", quantity: Number = 1, *, feature: str = "messages", at: datetime = NOW, **fields: Any
) -> Reservation:
    """Reserve for acme."""
    arguments = {"customer": "acme", "sandbox": False, "duration": MINUTE, **fields}
    return reserve(feature=feature, quantity=Decimal(quantity), reference=reference, at=at, **arguments)[0]


def check_usage(quantity: Number = 1, *, feature: str = "messages", at: datetime = NOW, **fields: Any) -> CheckAnswer:
    """Check usage of acme."""
    return check(customer="acme", feature=feature, quantity=Decimal(quantity), sandbox=False, at=at, **fields)


def send_events(event: str, quantity: int, *, customer: str = "acme") -> None:
    """Send this many events without a check first: they count even above the limits."""
    send(
        *[
            {"id": f"{event}-{n}", "customer": customer, "event": event, "timestamp": NOW.isoformat()}
            for n in range(quantity)
        ],
        at=NOW,
    )
