"""A prepaid customer: lots of every kind, usage within and above the balance, holds, and operations of staff."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from billing.limits.reservations import commit as commit_reservation
from billing.limits.reservations import release as release_reservation
from billing.limits.reservations import reserve
from billing.metering.corrections import CorrectionRequest, correct_usage
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import event_key
from lib.currencies import CREDITS
from plans.publishing.publication import publish
from tests.billing.audit.purchase_books import make_purchases, make_topups
from tests.billing.metering.ingest.ingest_setup import read
from tests.builders import JAN, make_customer, make_feature, make_meter, make_plan, offer, rate, subscribe
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.ledger.adjustments import extend, refund, transfer, void
from wallets.ledger.expiry import expire
from wallets.ledger.grant import Grant, grant
from wallets.ledger.hold import commit, hold, release
from wallets.ledger.spend import SpendRequest, spend
from wallets.models import Wallet

DAY = timedelta(days=1)
D = Decimal


def prepay() -> None:
    """Use a month of a prepaid plan, whose credits cover part of it, and a wallet of money."""
    runs = make_feature("runs", meter=make_meter("runs", event_name="run", dimensions=["kind"]))
    calls = make_feature("paid calls", meter=make_meter("paid.calls", event_name="paid.call"))
    burns = {CREDITS: [rate(1), rate(10, match={"kind": "deep"})], "USD": [rate("0.20")]}
    offers = [
        offer(runs, prices=burns, consumption="credits", at_zero="overage", included=2),
        offer(calls, rates=[rate("0.0000025")], consumption="balance", at_zero="grace", grace=D("0.5")),
    ]
    customer = make_customer("prepaid")
    subscribe(customer, publish(version=make_plan("prepaid", offers=offers), by=None, at=JAN))
    credits = Wallet.objects.create(customer=customer, name="Credits")
    other = Wallet.objects.create(customer=customer, name="Team", priority=60, grace=D(5), at_zero="grace")
    money = Wallet.objects.create(customer=customer, name="Money", unit="USD", pays_invoices=True)
    _fill(credits, other, money, runs.pk)
    _use(credits, runs.pk)
    _reserve()
    _steer(credits, other)
    make_purchases()
    make_topups()


def _fill(credits: Wallet, other: Wallet, money: Wallet, feature: int) -> None:
    grants = [
        Grant("purchased", D(20), "pack", cost=D("18.50")),
        Grant("bonus", D(4), "pack bonus", cost=D("1.50")),
        Grant("promotional", D(6), "welcome", expires_at=JAN + 10 * DAY, rolls_over=1, rollover_most=D(2)),
        Grant("included", D(3), "january", expires_at=JAN + 20 * DAY, rollover_days=5, rolls_over=1, priority=40),
        Grant("refund", D(2), "sorry", features=[feature], valid_from=JAN + DAY),
    ]
    grant(wallet_id=credits.pk, grants=grants, at=JAN, reason="To begin with")
    grant(wallet_id=other.pk, grants=[Grant("purchased", D(8), "other", cost=D(7))], at=JAN)
    grant(wallet_id=money.pk, grants=[Grant("purchased", D("0.00001"), "few cents", cost=D("0.00001"))], at=JAN)


def _use(credits: Wallet, feature: int) -> None:
    for number in range(12):
        send(f"r{number}", "run", JAN + (2 + number) * DAY, kind="deep" if number % 4 == 3 else "plain")
    for number in range(6):
        send(f"c{number}", "paid.call", JAN + (2 + number) * DAY)
    wrong = CorrectionRequest(0, "r3", "", event_key("r3", source="", sandbox=False), "sent twice")
    who = User.objects.create(username="prue")
    assert correct_usage(corrections=[wrong], sandbox=False, at=JAN + 16 * DAY, by=who)[0].status == "accepted"
    expire(wallet_id=credits.pk, at=JAN + 17 * DAY, grace_period=timedelta(0))
    send("late", "run", JAN + 9 * DAY, at=JAN + 18 * DAY)


def _steer(credits: Wallet, other: Wallet) -> None:
    at = JAN + 20 * DAY + timedelta(hours=1)
    grant(wallet_id=credits.pk, grants=[Grant("purchased", D(30), "second pack", cost=D(30))], at=at)
    owing = {"wallet_id": other.pk, "at": at, "at_zero": AtZeroPolicy.GRACE}
    spend(amount=D(11), reference="by hand", **owing)
    grant(wallet_id=other.pk, grants=[Grant("purchased", D(9), "third pack", cost=D(9))], at=at)
    spend(amount=D(8), reference="once more", **owing)
    for name, amount in (("kept", 3), ("used", 4), ("given up", 2)):
        use = SpendRequest(D(amount), at, name, at_zero=AtZeroPolicy.GRACE)
        hold_ = hold(customer_id=credits.customer_id, unit="credits", request=use, until=at + 90 * DAY)
        if name == "used":
            commit(hold_id=hold_.pk, amount=D(3), at=at + DAY)
        elif name == "given up":
            release(hold_id=hold_.pk, at=at + DAY)
    arguments: dict[str, Any] = {"reason": "Asked for", "at": at}
    pack = credits.lots.get(source="second pack")
    refund(lot_id=pack.pk, amount=D(2), reference="refund", **arguments)
    void(lot_id=pack.pk, amount=D(1), reference="void", **arguments)
    transfer(from_id=credits.pk, to_id=other.pk, amount=D(2), reference="move", **arguments)
    grant(wallet_id=credits.pk, grants=[Grant("promotional", D(5), "spring", expires_at=at + DAY)], at=at)
    extend(lot_id=credits.lots.get(source="spring").pk, expires_at=at + 400 * DAY, **arguments)
    more_than_there_is = SpendRequest(D(35), at, "beyond", at_zero=AtZeroPolicy.GRACE)
    hold(customer_id=credits.customer_id, unit="credits", request=more_than_there_is, until=at + 90 * DAY)


def _reserve() -> None:
    at = JAN + 19 * DAY
    for name in ("kept", "used", "given up"):
        arguments: dict[str, Any] = {"customer": "prepaid", "feature": "runs", "quantity": D(1), "reference": name}
        reservation, _ = reserve(**arguments, sandbox=False, at=at, duration=DAY, properties={"kind": "plain"})
        if name == "used":
            commit_reservation(reservation_id=reservation.pk, quantity=D(1), at=at)
        elif name == "given up":
            release_reservation(reservation_id=reservation.pk, at=at)


def send(id_: str, event: str, used_at: Any, *, at: Any = None, **properties: Any) -> None:
    body = {"id": id_, "customer": "prepaid", "event": event, "timestamp": used_at.isoformat()}
    record_events(events=read(body | {"properties": properties}), sandbox=False, at=at or used_at)
