"""
A customer who is migrated and rolled back is billed to the cent like one never migrated, after any invoices in
between.
"""

from datetime import datetime

import pytest

from billing.models import Coverage, MigrationItem, Period, Subscription
from tests.billing.plan_migrations.migration_setup import (
    DAY,
    FIFTEENTH,
    HOUR,
    TENTH,
    make_version,
    net_total,
    pass_time,
    planned,
    remaining_invoices,
    roll_back,
    run,
    use,
)
from tests.builders import APR, FEB, JAN, make_customer, make_feature, offer, subscribe
from tests.clean_books import clean_after_test

clean_books = clean_after_test("subscriptions", "usage", "invoices", "payments", "wallets", "jobs")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


@pytest.fixture
def new(db):
    return make_version("new", "0.20", monthly="62", included=5)


@pytest.fixture
def pair(db) -> tuple[Subscription, Subscription]:
    old = make_version("old", included=10, more=[offer(make_feature("exports", kind="boolean"))])
    return subscribe(make_customer("moved"), old), subscribe(make_customer("left"), old)


def both_use(pair: tuple[Subscription, Subscription], count: int, moment: datetime) -> None:
    for subscription in pair:
        use(subscription, count, moment)


def compare(pair: tuple[Subscription, Subscription]) -> None:
    """Bill some months, and compare the rolled-back subscription with the unmigrated one."""
    moved, unmoved = pair
    both_use(pair, 7, FEB + 3 * DAY)
    pass_time(APR, since=FEB)
    assert remaining_invoices(moved) == remaining_invoices(unmoved)
    assert net_total(moved) == net_total(unmoved)
    moved.refresh_from_db()
    assert moved.version_id == unmoved.version_id
    spans = [
        set(Coverage.objects.filter(subscription=subscription).values_list("feature", "during"))
        for subscription in pair
    ]
    assert spans[0] == spans[1]


@pytest.mark.parametrize("after", [HOUR / 2, 5 * DAY], ids=["before the old part is billed", "after it was"])
def test_a_rollback_after_a_change_in_mid_period_leaves_no_trace(pair, new, after):
    both_use(pair, 20, TENTH)
    pass_time(FIFTEENTH)
    migration = planned(new, ids=["moved"])
    assert run(migration).figures == {"moved": 1, "not possible": 0, "upcoming": 0}
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
def test_a_rollback_after_a_change_at_the_next_period_leaves_no_trace(pair, new, after):
    both_use(pair, 20, TENTH)
    pass_time(FIFTEENTH)
    migration = planned(new, when="period", ids=["moved"])
    assert run(migration).figures == {"moved": 0, "not possible": 0, "upcoming": 1}
    pass_time(FEB + after, since=FIFTEENTH)
    if after > 0 * DAY:
        both_use(pair, 9, FEB + HOUR / 4)
    assert roll_back(migration, at=FEB + after + HOUR / 3).figures["rolled back"] == 1
    pass_time(FEB + 6 * DAY, since=FEB + 2 * HOUR)
    compare(pair)


def test_a_rollback_after_a_change_to_a_cheaper_plan_leaves_no_trace(pair):
    pass_time(FIFTEENTH)
    migration = planned(make_version("less", monthly="10"), ids=["moved"])
    run(migration)
    assert roll_back(migration, at=FIFTEENTH + HOUR / 2).figures["rolled back"] == 1
    pass_time(FEB + 2 * HOUR, since=FEB + 2 * HOUR)
    assert net_total(pair[0]) == net_total(pair[1])


def test_an_amount_credited_by_a_credit_note_prevents_the_rollback(pair):
    pass_time(FIFTEENTH)
    migration = planned(make_version("less", monthly="10"), ids=["moved"])
    run(migration)
    pass_time(FIFTEENTH + DAY, since=FIFTEENTH + DAY)
    assert roll_back(migration, at=FIFTEENTH + DAY).figures["not possible"] == 1
    assert "Unused time was already credited" in MigrationItem.objects.get().problem


def test_a_rollback_before_anything_was_billed_leaves_no_trace(pair, new):
    migration = planned(new, ids=["moved"], at=JAN + HOUR / 4)
    run(migration, at=JAN + HOUR / 4)
    pass_time(JAN + 3 * HOUR, since=JAN + 3 * HOUR)
    assert roll_back(migration, at=JAN + 4 * HOUR).figures["rolled back"] == 1
    pass_time(FEB + 2 * HOUR, since=FEB + 2 * HOUR)
    assert net_total(pair[0]) == net_total(pair[1])


def test_a_rolled_back_subscription_can_be_migrated_again(pair, new):
    both_use(pair, 20, TENTH)
    first = planned(new, ids=["moved"])
    run(first)
    roll_back(first, at=FIFTEENTH + HOUR / 2)
    second = planned(new, ids=["moved"], at=FIFTEENTH + HOUR)
    assert run(second, at=FIFTEENTH + HOUR).figures["moved"] == 1
    assert [period.kind for period in Period.objects.filter(subscription=pair[0]).order_by("starts_at", "id")] == [
        "opening",
        "regular",
        "undone",
        "regular",
    ]
    pass_time(FEB + 2 * HOUR, since=JAN)
