"""Which lots a drawdown takes, the cost of each share, and the uncovered rest, as in docs/wallets.md."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallets.credit_rules.allocation import allocate_from_lots, find_lot_boundaries, order_lots
from wallets.credit_rules.at_zero_policy import AtZeroPolicy, ShortfallSplit, split_shortfall
from wallets.credit_rules.lots import Lot, cost_between
from wallets.credit_rules.rollover import rollover_units
from wallets.credit_rules.units import MAX_UNITS, InvalidAmount, add_units, check_amount, round_units

D = Decimal
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAIN = Lot(1, D(10), D(10), valid_from=NOON - HOUR, granted_at=NOON)

ORDER = [
    # the other lot                     comes first
    ({"wallet_priority": 49}, True, "a wallet of lower priority"),
    ({"wallet_priority": 50, "wallet_id": 7, "priority": 1}, False, "only then the lot's own"),
    ({"priority": 49, "expires_at": None}, True, "a lower number before an earlier expiry"),
    ({"expires_at": NOON + HOUR}, True, "an earlier expiry; none is last"),
    ({"is_paid": False}, True, "promotional before paid"),
    ({"features": frozenset([5])}, True, "restricted before unrestricted"),
    ({"granted_at": NOON - HOUR}, True, "the older grant"),
    ({"granted_at": NOON + HOUR}, False, "not the younger one"),
    ({}, False, "the lower number"),
]


@pytest.mark.parametrize(("other", "is_first", "why"), ORDER)
def test_lots_are_taken_in_order(other, is_first, why):
    first = replace(PLAIN, wallet_priority=50, wallet_id=1)
    second = replace(first, **({"id": 2} | other))
    assert ([lot.id for lot in order_lots([first, second])] == [2, 1]) is is_first, why
    assert ([lot.id for lot in order_lots([second, first])] == [2, 1]) is is_first, why


def test_promotional_lots_are_not_first_if_so_configured():
    promotional, paid = replace(PLAIN, id=2, is_paid=False), PLAIN
    assert [lot.id for lot in order_lots([promotional, paid], promotional_first=False)] == [1, 2]


TAKES = [
    # lot                                        takes, reclaimed    why
    ({}, (8, 0), "what is there"),
    ({"remaining": D(3)}, (3, 0), "no more than is left"),
    ({"held": D(6)}, (4, 0), "nothing that is held"),
    ({"features": frozenset([5])}, (8, 0), "for its feature"),
    ({"features": frozenset([6])}, (0, 0), "and no other"),
    ({"valid_from": NOON}, (8, 0), "from its first moment on"),
    ({"valid_from": NOON + HOUR}, (0, 0), "not before"),
    ({"expires_at": NOON}, (0, 0), "not at its end"),
    ({"expires_at": NOON + HOUR}, (8, 0), "up to it"),
    ({"remaining": D(1), "expired": D(9), "expires_at": NOON + HOUR}, (8, 7), "and after it, for use from before"),
]


@pytest.mark.parametrize(("lot", "expected", "why"), TAKES)
def test_a_lot_pays_for_allowed_usage(lot, expected, why):
    allocation = allocate_from_lots([replace(PLAIN, **lot)], D(8), feature=5, at=NOON)
    shares = [(share.units, share.reclaimed) for share in allocation.shares]
    assert (shares or [(0, 0)], allocation.missing) == ([expected], 8 - expected[0]), why


def test_a_restricted_lot_pays_for_no_usage_without_a_feature():
    assert allocate_from_lots([replace(PLAIN, features=frozenset([5]))], D(1), feature=None, at=NOON).missing == 1


def test_the_next_lot_pays_the_rest():
    allocation = allocate_from_lots([PLAIN, replace(PLAIN, id=2), replace(PLAIN, id=3)], D(15), feature=None, at=NOON)
    assert [(share.lot.id, share.units) for share in allocation.shares] == [(1, 10), (2, 5)]
    assert allocation.missing == 0


def test_a_third_of_the_cost_is_spread_to_the_last_decimal_place():
    lot = replace(PLAIN, amount=D(3), cost=D(1))
    costs = [cost_between(lot, D(3 - n), D(2 - n)) for n in range(3)]
    assert costs == [D("0.333333333333"), D("0.333333333334"), D("0.333333333333")]


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=8), st.integers(0, 10**12))
def test_any_sequence_of_drawdowns_adds_up_to_the_cost(steps, cost):
    lot = replace(PLAIN, amount=D(sum(steps)), cost=D(cost).scaleb(-6))
    remaining, costs = lot.amount, []
    for step in steps:
        costs.append(cost_between(lot, remaining, remaining - step))
        remaining -= step
    assert add_units(*costs) == lot.cost
    assert all(abs(Fraction(lot_cost) - Fraction(lot.cost) * step / sum(steps)) <= Fraction(1, 10**12)
               for lot_cost, step in zip(costs, steps, strict=True))  # fmt: skip


RESTS = [
    # at zero            debt  limit   owed, uncovered
    (AtZeroPolicy.BLOCK, 0, 50, (0, 8)),
    (AtZeroPolicy.OVERAGE, 0, 50, (0, 8)),
    (AtZeroPolicy.GRACE, 0, 50, (8, 0)),
    (AtZeroPolicy.GRACE, 45, 50, (5, 3)),
    (AtZeroPolicy.GRACE, 50, 50, (0, 8)),
    (AtZeroPolicy.GRACE, 60, 50, (0, 8)),
]


@pytest.mark.parametrize(("at_zero", "debt", "limit", "expected"), RESTS)
def test_the_rest_is_owed_or_uncovered(at_zero, debt, limit, expected):
    assert split_shortfall(D(8), at_zero, debt=D(debt), limit=D(limit)) == ShortfallSplit(*map(D, expected))


def test_only_free_units_roll_over_up_to_the_maximum():
    lot = replace(PLAIN, held=D(4))
    assert [rollover_units(lot, most) for most in (None, D(2), D(9))] == [6, 2, 6]
    assert [rollover_units(lot, D(5), already_rolled_over=D(rolled)) for rolled in (0, 2, 5, 9)] == [5, 3, 0, 0]


def test_boundaries_are_the_times_at_which_lots_start_or_end():
    lots = [replace(PLAIN, valid_from=NOON, expires_at=NOON + 2 * HOUR), replace(PLAIN, valid_from=None)]
    assert find_lot_boundaries(lots, NOON, NOON + HOUR) == []
    assert find_lot_boundaries(lots, NOON - HOUR, NOON + 2 * HOUR) == [NOON, NOON + 2 * HOUR]


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity", "1e18", "1e-12"])
def test_an_amount_is_bounded_and_has_twelve_places(amount):
    if D(amount) in (MAX_UNITS, D("1e-12")):
        assert check_amount(D(amount)) == D(amount)
    else:
        with pytest.raises(InvalidAmount, match="must be above zero and at most 1,000,000,000,000,000,000"):
            check_amount(D(amount))


def test_an_amount_of_more_places_is_refused():
    with pytest.raises(InvalidAmount, match=r"^0\.0000000000005 has more than 12 decimal places\. Round it first\.$"):
        check_amount(D("0.0000000000005"))
    assert round_units(D("0.0000000000005")) == D("0.000000000001")
