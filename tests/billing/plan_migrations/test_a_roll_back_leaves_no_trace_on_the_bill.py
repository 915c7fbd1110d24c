"""Who is moved and taken back is billed, to the cent, as whoever was never moved: whatever was issued meanwhile."""

from datetime import datetime

import pytest

from billing.models import Coverage, MigrationItem, Period, Subscription
from tests.billing.plan_migrations.world import (
    DAY,
    FIFTEENTH,
    HOUR,
    TENTH,
    documents,
    make_version,
    owed,
    pass_time,
    planned,
    roll_back,
    run,
    use,
)
from tests.builders import APR, FEB, JAN, make_customer, make_feature, offer, subscribe

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


@pytest.fixture
def new(db):
    return make_version("new", "0.20", monthly="62", included=5)


@pytest.fixture
def pair(db) -> tuple[Subscription, Subscription]:
    old = make_version("old", included=10, more=[offer(make_feature("exports", kind="boolean"))])
    return subscribe(make_customer("moved"), old), subscribe(make_customer("left"), old)


def both_use(pair: tuple[Subscription, Subscription], count: int, moment: datetime) -> None:
    for one in pair:
        use(one, count, moment)


def compare(pair: tuple[Subscription, Subscription]) -> None:
    """Bill some months, and compare whoever was taken back with whoever stayed."""
    moved, left = pair
    both_use(pair, 7, FEB + 3 * DAY)
    pass_time(APR, since=FEB)
    assert documents(moved) == documents(left)
    assert owed(moved) == owed(left)
    moved.refresh_from_db()
    assert moved.version_id == left.version_id
    spans = [set(Coverage.objects.filter(subscription=one).values_list("feature", "during")) for one in pair]
    assert spans[0] == spans[1]


@pytest.mark.parametrize("after", [HOUR / 2, 5 * DAY], ids=["before the old part is billed", "after it was"])
def test_of_those_who_moved_in_mid_period(pair, new, after):
    both_use(pair, 20, TENTH)
    pass_time(FIFTEENTH)
    migration = planned(new, ids=["moved"])
    assert run(migration).figures == {"moved": 1, "not possible": 0, "to come": 0}
    both_use(pair, 9, FIFTEENTH + HOUR / 4)
    pass_time(FIFTEENTH + after, since=FIFTEENTH + after)
    assert roll_back(migration, at=FIFTEENTH + after).figures == {"not possible": 0, "rolled back": 1}
    assert MigrationItem.objects.get().state == "undone"
    both_use(pair, 4, FIFTEENTH + 8 * DAY)
    pass_time(FEB + 2 * HOUR, since=FIFTEENTH + 8 * DAY)
    compare(pair)


@pytest.mark.parametrize(
    "after", [-DAY, HOUR / 2, 5 * DAY], ids=["to come", "before the old one is billed", "after it was"]
)
def test_of_those_who_moved_where_their_next_period_began(pair, new, after):
    both_use(pair, 20, TENTH)
    pass_time(FIFTEENTH)
    migration = planned(new, when="period", ids=["moved"])
    assert run(migration).figures == {"moved": 0, "not possible": 0, "to come": 1}
    pass_time(FEB + after, since=FIFTEENTH)
    if after > 0 * DAY:
        both_use(pair, 9, FEB + HOUR / 4)
    assert roll_back(migration, at=FEB + after + HOUR / 3).figures["rolled back"] == 1
    pass_time(FEB + 6 * DAY, since=FEB + 2 * HOUR)
    compare(pair)


def test_of_those_who_moved_to_what_costs_less(pair):
    pass_time(FIFTEENTH)
    migration = planned(make_version("less", monthly="10"), ids=["moved"])
    run(migration)
    assert roll_back(migration, at=FIFTEENTH + HOUR / 2).figures["rolled back"] == 1
    pass_time(FEB + 2 * HOUR, since=FEB + 2 * HOUR)
    assert owed(pair[0]) == owed(pair[1])


def test_what_was_given_back_by_a_credit_note_is_not_charged_again(pair):
    pass_time(FIFTEENTH)
    migration = planned(make_version("less", monthly="10"), ids=["moved"])
    run(migration)
    pass_time(FIFTEENTH + DAY, since=FIFTEENTH + DAY)
    assert roll_back(migration, at=FIFTEENTH + DAY).figures["not possible"] == 1
    assert "given back by a credit note" in MigrationItem.objects.get().problem


def test_of_those_who_moved_before_anything_was_billed(pair, new):
    migration = planned(new, ids=["moved"], at=JAN + HOUR / 4)
    run(migration, at=JAN + HOUR / 4)
    pass_time(JAN + 3 * HOUR, since=JAN + 3 * HOUR)
    assert roll_back(migration, at=JAN + 4 * HOUR).figures["rolled back"] == 1
    pass_time(FEB + 2 * HOUR, since=FEB + 2 * HOUR)
    assert owed(pair[0]) == owed(pair[1])


def test_it_can_be_moved_again_afterwards(pair, new):
    both_use(pair, 20, TENTH)
    first = planned(new, ids=["moved"])
    run(first)
    roll_back(first, at=FIFTEENTH + HOUR / 2)
    again = planned(new, ids=["moved"], at=FIFTEENTH + HOUR)
    assert run(again, at=FIFTEENTH + HOUR).figures["moved"] == 1
    assert [period.kind for period in Period.objects.filter(subscription=pair[0]).order_by("starts_at", "id")] == [
        "opening",
        "regular",
        "undone",
        "regular",
    ]
    pass_time(FEB + 2 * HOUR, since=JAN)
