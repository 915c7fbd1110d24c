"""The units of a credit pack for its price, and when a wallet is topped up, as in docs/wallets.md."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.docs_tables import rows
from wallets.credit_rules.packs import Slab, find_slab, price_purchase, spread_cost
from wallets.credit_rules.topup_rule import (
    MAX_PACKS,
    Ceiling,
    is_cooldown_over,
    is_due,
    packs_to_reach,
    threshold_from_percent,
    units_to_reach,
)

D = Decimal
SLABS = [Slab(), Slab(D(1000), percent=D(10)), Slab(D(5000), units=D(750))]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("row", rows("wallets.md", "Bonus"), ids=lambda row: row["bought"])
def test_the_highest_slab_reached_applies_alone(row):
    purchase_price = price_purchase(D(row["bought"]), D(row["price"]), "USD", SLABS)
    assert (purchase_price.bonus, purchase_price.cost, purchase_price.bonus_cost) == (
        D(row["bonus"]),
        D(row["cost of the purchased units"]),
        D(row["cost of the bonus"]),
    )


BONUSES = [
    # units, price, packs, by_price, slabs                                             bonus   why
    ("100", "99", 1, False, [Slab(units=D(10))], "10", "a flat bonus is one slab from 0 on"),
    ("200", "198", 2, False, [Slab(units=D(10))], "20", "once for each pack"),
    ("100", "99", 1, False, [Slab(units=D(10), percent=D(5))], "15", "both"),
    ("100", "99", 1, False, [Slab(D(101), units=D(10))], "0", "none is reached"),
    ("100", "99", 1, True, [Slab(D(99), units=D(10))], "10", "just reached by price"),
    ("100", "98.994", 1, True, [Slab(D(99), units=D(10))], "0", "by the price as it is rounded"),
    ("1", "1", 1, False, [Slab(percent=D("33.3333333333"))], "0.333333333333", "to 12 places"),
    ("1", "1", 1, False, [Slab(percent=D("0.00000000005"))], "0.000000000001", "half-up"),
]


@pytest.mark.parametrize(("units", "price", "packs", "by_price", "slabs", "bonus", "why"), BONUSES)
def test_a_bonus_is_added(units, price, packs, by_price, slabs, bonus, why):
    assert price_purchase(D(units), D(price), "USD", slabs, packs=packs, by_price=by_price).bonus == D(bonus), why


def test_slabs_may_come_in_any_order():
    assert find_slab(D(6000), reversed(SLABS)) == SLABS[2]


def test_the_price_is_rounded_once_to_the_minor_unit():
    assert price_purchase(D(3), D("0.005"), "USD", []).net == D("0.01")
    assert price_purchase(D(3), D("149.5"), "JPY", []).net == D(150)


@given(
    st.decimals("0.000000000001", "1e9", places=12),
    st.decimals(0, "1e9", places=12),
    st.decimals(0, "1e9", places=2),
)
def test_the_price_is_fully_spread_in_proportion(units, bonus, net):
    cost, bonus_cost = spread_cost(net, units, bonus)
    assert cost + bonus_cost == net
    assert abs(bonus_cost * (units + bonus) - net * bonus) < (units + bonus) * D("1e-12")


@pytest.mark.parametrize(
    "row", rows("wallets.md", "Automatic top-ups"), ids=lambda row: f"{row['balance']}-{row['target']}"
)
def test_a_wallet_is_topped_up_strictly_below_its_threshold(row):
    balance, pack = D(row["balance"]), D(row["pack"])
    packs = packs_to_reach(D(row["target"]) if row["target"] else None, balance, pack)
    packs = packs if is_due(balance, D(row["threshold"])) else 0
    assert (packs, balance + packs * pack) == (int(row["packs"]), D(row["balance after"]))


def test_a_threshold_may_be_a_percentage_of_the_pack():
    assert threshold_from_percent(D(20), D(100)) == 20


@pytest.mark.parametrize(("runs", "topups", "balance"), [(80, 0, 20), (81, 1, 119), (180, 1, 20), (250, 2, 50)])
def test_a_pack_of_100_is_bought_at_19(runs, topups, balance):
    remaining, count = D(100), 0
    for _ in range(runs):
        remaining -= 1
        if is_due(remaining, threshold_from_percent(D(20), D(100))):
            remaining += packs_to_reach(None, remaining, D(100)) * 100
            count += 1
    assert (count, remaining) == (topups, balance)


def test_no_more_packs_are_bought_at_once_than_bounded():
    assert packs_to_reach(D("1e18"), D(0), D(1)) == MAX_PACKS


FILLS = [
    ("100", "19", "81", "just what is missing"),
    ("100", "95", "10", "no less than the least"),
    ("9000", "0", "500", "no more than the most"),
    ("100", "-5", "105", "and what is owed"),
]


@pytest.mark.parametrize(("target", "balance", "units", "why"), FILLS)
def test_units_sold_one_by_one_fill_up_to_the_target(target, balance, units, why):
    assert units_to_reach(D(target), D(balance), least=D(10), most=D(500)) == D(units), why


COOLDOWNS = [(None, True), (NOON - timedelta(days=1), True), (NOON - timedelta(hours=23, minutes=59), False)]


@pytest.mark.parametrize(("last", "has"), COOLDOWNS)
def test_a_top_up_waits_for_the_cooldown(last, has):
    assert is_cooldown_over(last, timedelta(days=1), NOON) is has


CEILINGS = [
    (Ceiling(), "1e9", True, "none is set"),
    (Ceiling(most=3, count=2), "99", True, "the third of three"),
    (Ceiling(most=3, count=3), "99", False, "the fourth"),
    (Ceiling(most_money=D(200), money=D(101)), "99", True, "just up to it"),
    (Ceiling(most_money=D(200), money=D("101.01")), "99", False, "a cent more"),
    (Ceiling(most=9, count=1, most_money=D(1)), "99", False, "each by itself"),
]


@pytest.mark.parametrize(("ceiling", "cost", "allows", "why"), CEILINGS)
def test_ceilings_hold_by_count_and_money(ceiling, cost, allows, why):
    assert ceiling.allows(D(cost)) is allows, why
