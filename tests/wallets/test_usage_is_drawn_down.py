"""Prepaid usage is drawn down from the wallet before the ingest response, and is never invoiced again."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.contrib.auth.models import User

from billing.closing import close_due
from billing.metering.corrections import CorrectionRequest, correct_usage
from billing.metering.ingest.parser import event_key
from billing.metering.usage.current_usage import current_usage
from billing.models import Drawdown
from invoices.models import Line
from lib.currencies import CREDITS
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    fee,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import clean_after_test
from wallets.ledger.grant import Grant, grant
from wallets.models import Transaction, Wallet

clean_books = clean_after_test("usage", "invoices", "wallets")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

HOUR = timedelta(hours=1)
LATER = FEB + 2 * HOUR


@pytest.fixture
def wallet():
    return prepaid([rate("1")])


def prepaid(rates, *, money=(), balance=100, event="run", fees=(), **conditions):
    """Subscribe a customer to a feature that is paid in credits, with this balance in the wallet."""
    matched = sorted({name for rate in rates for name in rate.get("match", {})})
    feature = make_feature("runs", meter=make_meter("runs", event_name=event, dimensions=matched))
    prices = {CREDITS: rates, **({"USD": money} if money else {})}
    plan = make_plan(offers=[offer(feature, prices=prices, consumption="credits", **conditions)], fees=fees)
    customer = make_customer("acme")
    subscribe(customer, publish(plan))
    wallet = Wallet.objects.create(customer=customer)
    if balance:
        grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(balance), "pack", cost=D(99))], at=JAN)
    return wallet


def runs(*ids, at=JAN + HOUR, sent_at=LATER, **properties):
    sent = [
        {"id": id_, "customer": "acme", "event": "run", "timestamp": at.isoformat(), "properties": properties}
        for id_ in ids
    ]
    return send(*sent, at=sent_at)


def balance_of(wallet):
    wallet.refresh_from_db()
    return wallet.balance


def test_each_event_draws_down_its_price(wallet):
    runs("1", "2", "3")

    assert balance_of(wallet) == 97


def test_a_duplicate_event_draws_down_nothing(wallet):
    runs("1", "1", "2")
    runs("2")

    assert balance_of(wallet) == 98


def test_each_dimension_value_has_its_own_price():
    wallet = prepaid([rate(100, match={"kind": "simple"}), rate(1000, match={"kind": "complex"})], balance=500_000)

    runs("1", "2", kind="simple")
    runs("3", kind="complex")

    assert balance_of(wallet) == 498_800


def test_included_units_are_used_first():
    wallet = prepaid([rate("1")], included=2)

    runs("1", "2", "3")

    assert balance_of(wallet) == 99


def test_usage_beyond_a_blocked_wallet_is_recorded_as_refused():
    wallet = prepaid([rate("1")], balance=2)

    runs("1", "2", "3")

    assert balance_of(wallet) == 0
    assert Drawdown.objects.get().refused == 1


def test_usage_beyond_the_wallet_is_invoiced_as_overage():
    prepaid([rate("5")], money=[rate("0.20")], balance=12, at_zero="overage", fees=[fee("10")])

    runs("1", "2", "3", "4")
    [period] = current_usage(customer="acme", sandbox=False, at=FEB - HOUR)
    assert (period.features[0].drawn, period.features[0].cost, period.features[0].used) == (20, D("1.60"), 4)
    close_due(at=LATER)

    lines = Line.objects.filter(kind="usage").order_by("position")
    assert [(line.description, line.quantity, line.amount.amount) for line in lines] == [
        ("runs", 4, 0),
        ("runs: beyond the wallet", 8, D("1.60")),
    ]
    assert [line.explanation.get("wallet") for line in lines] == [CREDITS, None]


def test_an_overdraft_goes_below_zero_up_to_its_limit():
    wallet = prepaid([rate("10")], balance=15, at_zero="grace", grace=20)

    runs("1", "2", "3", "4")

    assert balance_of(wallet) == -20
    assert Drawdown.objects.get().refused == 5


def test_a_lot_pays_for_usage_of_its_validity_period():
    wallet = prepaid([rate("1")], balance=0)
    grants = [Grant("promotional", D(10), "a", expires_at=JAN + 2 * HOUR), Grant("purchased", D(10), "b")]
    grant(wallet_id=wallet.pk, grants=grants, at=JAN)

    sent = [
        {"id": str(n), "customer": "acme", "event": "run", "timestamp": (JAN + n * HOUR).isoformat()}
        for n in range(4)
    ]
    send(*sent, at=LATER)

    assert sorted(wallet.lots.values_list("kind", "remaining")) == [("promotional", 8), ("purchased", 8)]


def test_every_spend_belongs_to_a_drawdown(wallet):
    runs("1")
    runs("2", "3")

    spends = Transaction.objects.filter(kind="spend").order_by("id")
    assert [(spend.units, spend.feature.code, spend.draw) for spend in spends] == [
        (-1, "runs", Drawdown.objects.get().pk),
        (-2, "runs", Drawdown.objects.get().pk),
    ]


def test_a_correction_returns_the_drawn_units(wallet):
    runs("1", "2", "3")

    correction = CorrectionRequest(0, "2", "", event_key("2", source="", sandbox=False), "sent twice")
    who = User.objects.create(username="olga")
    correct_usage(corrections=[correction], sandbox=False, at=LATER, by=who)

    assert balance_of(wallet) == 98
    assert Drawdown.objects.get().cost == 2


def test_a_correction_reduces_refused_units_first():
    wallet = prepaid([rate("1")], balance=2)
    runs("1", "2", "3")

    requests = [
        CorrectionRequest(n, id_, "", event_key(id_, source="", sandbox=False), "wrong") for n, id_ in enumerate("12")
    ]
    correct_usage(corrections=requests, sandbox=False, at=LATER, by=User.objects.create(username="olga"))

    assert (balance_of(wallet), Drawdown.objects.get().refused) == (1, 0)


def test_a_correction_cancels_the_debt_and_returns_its_repayment():
    wallet = prepaid([rate("10")], balance=0, at_zero="grace", grace=50)
    runs("1", "2")
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(15), "pack", cost=D(15))], at=LATER)
    assert (balance_of(wallet), wallet.debt) == (-5, 5)

    correction = CorrectionRequest(0, "1", "", event_key("1", source="", sandbox=False), "sent twice")
    correct_usage(corrections=[correction], sandbox=False, at=LATER, by=User.objects.create(username="olga"))

    assert (balance_of(wallet), wallet.debt, wallet.lots.get().remaining) == (5, 0, 5)


def test_a_balance_pays_the_exact_price_of_each_event():
    meter = make_meter("tokens", event_name="llm", value_property="n", aggregation="sum", dimensions=["model"])
    rates = [rate("0.0000025", match={"model": "large"}), rate("0.00000015", match={"model": "small"})]
    plan = make_plan(offers=[offer(make_feature("tokens", meter=meter), rates=rates, consumption="balance")])
    customer = make_customer("acme")
    subscribe(customer, publish(plan))
    wallet = Wallet.objects.create(customer=customer, unit="USD")
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(10), "paid in", cost=D(10))], at=JAN)

    event_fields = {"customer": "acme", "event": "llm", "timestamp": (JAN + HOUR).isoformat()}
    send(event_fields | {"id": "1", "properties": {"model": "large", "n": 400_000}}, at=LATER)
    send(event_fields | {"id": "2", "properties": {"model": "small", "n": 1}}, at=LATER)

    assert balance_of(wallet) == D("8.99999985")


def test_a_maximum_draws_down_only_its_increase():
    meter = make_meter("peak", event_name="peak", aggregation="max", value_property="n")
    offers = [offer(make_feature("peak", meter=meter), prices={CREDITS: [rate("2")]}, consumption="credits")]
    customer = make_customer("acme")
    subscribe(customer, publish(make_plan(offers=offers)))
    wallet = Wallet.objects.create(customer=customer)
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(100), "pack")], at=JAN)

    balances = []
    for id_, n in (("1", 3), ("2", 5), ("3", 4)):
        event_fields = {"customer": "acme", "event": "peak", "timestamp": (JAN + HOUR).isoformat()}
        send(event_fields | {"id": id_, "properties": {"n": n}}, at=LATER)
        balances.append(balance_of(wallet))

    assert balances == [94, 90, 90]
