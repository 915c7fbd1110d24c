"""A migration that is rolled back leaves fees for several periods as they were billed before it."""

from datetime import timedelta

import pytest
from djmoney.money import Money

from tests.billing.plan_migrations.migration_setup import DAY, HOUR, net_total, pass_time, planned, roll_back, run
from tests.builders import FEB, JAN, MAR, fee, make_customer, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test

clean_books = clean_after_test("subscriptions", "usage", "invoices", "jobs")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def plan(code, *fees):
    return publish(make_plan(code, fees=fees, offers=[offer("calls", rates=[rate("0.10")])]))


def yearly(amount, billed):
    return fee(amount, every=12, billed=billed, label="License", code="license")


CASES = [
    # former fee, new fee                                    whether the change was billed before the rollback
    ("advance", [yearly("1095", "advance")], False),
    ("advance", [yearly("1095", "advance")], True),
    ("advance", [], True),
    ("arrears", [], True),
    ("arrears", [fee("62")], False),
    ("arrears", [yearly("1095", "advance")], True),
]


@pytest.mark.parametrize(("billed", "other", "is_billed"), CASES)
def test_a_rolled_back_customer_owes_the_same_as_one_never_migrated(billed, other, is_billed):
    former = plan("former", yearly("730", billed))
    moved, unmoved = (subscribe(make_customer(code), former) for code in ("moved", "left"))
    for moment in (JAN, FEB + 2 * HOUR):
        pass_time(moment, since=moment)
    tenth = FEB + 9 * DAY
    migration = planned(plan("other", *other), at=tenth, plan="former", ids=[moved.external_id])
    run(migration, at=tenth)
    if is_billed:
        pass_time(tenth + 2 * HOUR, since=tenth)
    assert roll_back(migration, at=tenth + 3 * HOUR).figures == {"not possible": 0, "rolled back": 1}
    year = JAN + timedelta(days=366)
    for moment in (tenth + 4 * HOUR, MAR + 2 * HOUR, year):
        pass_time(moment, since=moment)
    assert net_total(moved) == net_total(unmoved) == Money({"advance": 1460, "arrears": 730}[billed], "USD")
