"""
Wallet balances are converted to another unit at a rate, lot by lot at its cost, and back on a rollback if unused.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import MigrationItem
from lib.currencies import CREDITS
from tests.billing.plan_migrations.migration_setup import (
    DAY,
    FIFTEENTH,
    HOUR,
    TENTH,
    net_total,
    planned,
    roll_back,
    run,
    use,
)
from tests.builders import (
    JAN,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import clean_after_test
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Lot, Wallet

clean_books = clean_after_test("subscriptions", "usage", "invoices", "wallets", "jobs")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

D = Decimal
AT_A_RATE = {"from_unit": "credits", "to_unit": "USD", "rate": D(100)}


def prepaid(code: str, unit: str, price: str):
    runs = make_feature("runs", meter=make_meter("runs", event_name="run"))
    consumption = "credits" if unit == CREDITS else "balance"
    return publish(make_plan(code, offers=[offer(runs, prices={unit: [rate(price)]}, consumption=consumption)]))


@pytest.fixture
def subscription(db):
    customer = make_customer("acme")
    wallet = make_wallet(customer)
    packs = [
        Grant("purchased", D(250), "pack", cost=D(25)),
        Grant("promotional", D(100), "gift", expires_at=JAN + 90 * DAY),
    ]
    grant(wallet_id=wallet.pk, grants=packs, at=JAN)
    subscribed = subscribe(customer, prepaid("old", CREDITS, "10"))
    use(subscribed, 5, TENTH, event="run")
    return subscribed


def lots(unit: str) -> list[tuple[str, Decimal, Decimal, object]]:
    lots_ = Lot.objects.filter(wallet__unit=unit, remaining__gt=0).order_by("pk")
    return [(lot.kind, lot.remaining, lot.cost, lot.expires_at) for lot in lots_]


def test_each_lot_keeps_its_cost_and_its_conditions(subscription):
    assert run(planned(prepaid("new", "USD", "0.10"), **AT_A_RATE)).figures["moved"] == 1
    assert lots("credits") == []
    assert lots("USD") == [
        ("promotional", D("0.5"), 0, JAN + timedelta(days=90)),
        ("purchased", D("2.5"), 25, None),
    ]


def test_a_rollback_restores_the_lots(subscription):
    before = Wallet.objects.get(unit="credits").balance
    migration = planned(prepaid("new", "USD", "0.10"), **AT_A_RATE)
    run(migration)
    assert roll_back(migration, at=FIFTEENTH + HOUR).figures["rolled back"] == 1
    assert Wallet.objects.get(unit="credits").balance == before
    assert Wallet.objects.get(unit="USD").balance == 0
    assert sorted(lots("credits")) == [("promotional", 50, 0, JAN + timedelta(days=90)), ("purchased", 250, 25, None)]


def test_a_rollback_reverses_usage_of_converted_lots_first(subscription):
    migration = planned(prepaid("new", "USD", "0.10"), **AT_A_RATE)
    run(migration)
    use(subscription, 3, FIFTEENTH + HOUR / 4, event="run")
    assert Wallet.objects.get(unit="USD").balance == D("2.70")
    assert roll_back(migration, at=FIFTEENTH + 2 * HOUR).figures["rolled back"] == 1
    # Eight runs at ten credits each, as without the migration.
    assert (Wallet.objects.get(unit="credits").balance, Wallet.objects.get(unit="USD").balance) == (270, 0)
    assert net_total(subscription) == 0


def test_lots_spent_by_hand_stay_converted(subscription):
    migration = planned(prepaid("new", "USD", "0.10"), **AT_A_RATE)
    run(migration)
    wallet = Wallet.objects.get(unit="USD")
    spend(wallet_id=wallet.pk, amount=D(1), reference="by hand", at=FIFTEENTH + HOUR)
    assert roll_back(migration, at=FIFTEENTH + 2 * HOUR).figures["not possible"] == 1
    assert "are used, held, or expired" in MigrationItem.objects.get().problem


def test_from_credits_to_usage_without_a_conversion(subscription):
    runs = offer(make_feature("runs"), rates=[rate("0.50")])
    migration = planned(publish(make_plan("postpaid", offers=[runs])))
    run(migration)
    use(subscription, 3, FIFTEENTH + HOUR / 4, event="run")
    assert Wallet.objects.get().balance == 300
    roll_back(migration, at=FIFTEENTH + 2 * HOUR)
    assert Wallet.objects.get().balance == 270
