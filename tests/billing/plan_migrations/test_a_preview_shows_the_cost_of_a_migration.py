"""
A preview lists problems first, then the invoice of the change and the bills before and after; it changes nothing.
"""

from decimal import Decimal

import pytest

from billing.closing import preview_change
from billing.models import MigrationItem, Period, Subscription
from billing.plan_migrations import workflow
from billing.subscriptions import change_plan, end_override
from invoices.models import Invoice
from tests.billing.plan_migrations.migration_setup import DAY, TENTH, make_version, pass_time, planned, use, worked
from tests.builders import (
    APR,
    FEB,
    JAN,
    add_override,
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

clean_books = clean_after_test("subscriptions", "usage", "invoices", "jobs")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

AT = FEB + 9 * DAY


@pytest.fixture
def new(db):
    return make_version("new", "0.20", monthly="28", included=5)


@pytest.fixture
def acme(db) -> Subscription:
    old = make_version("old", more=[offer(make_feature("exports", kind="boolean"))])
    subscription = subscribe(make_customer("acme"), old)
    use(subscription, 20, TENTH)
    pass_time(FEB + 2 * DAY)
    return subscription


def previewed(migration, *, at=AT):
    return worked(workflow.preview(migration_id=migration.pk, at=at, by=None), at=at)


def test_it_has_the_invoice_of_the_change_and_the_bills(acme, new):
    assert previewed(planned(new, at=AT)).figures == {"possible": 1, "not possible": 0, "with a warning": 1}
    migration_item = MigrationItem.objects.get()
    draft = preview_change(subscription=acme, version=new, at=AT)
    assert migration_item.switch == draft.totals.total - sum(note.totals.total for note in draft.credit_notes)
    # January: 20 calls at 0.10 and February's 31.00; on the new version 15 beyond the 5 included at 0.20, and 28.00.
    assert (migration_item.before, migration_item.after) == (Decimal("33"), Decimal("31"))
    assert migration_item.warnings == ["It loses exports."]


def test_a_migration_preview_changes_nothing(acme, new):
    before = list(Period.objects.values_list("pk", "revision")), Invoice.objects.count()
    previewed(planned(new, at=AT))
    assert (list(Period.objects.values_list("pk", "revision")), Invoice.objects.count()) == before
    assert MigrationItem.objects.get().state == "waiting"


def other_currency(acme, new):
    return make_version("euro", currencies=["EUR"])


def covered_elsewhere(acme, new):
    more = offer(make_feature("seats"), rates=[rate(1)])
    subscribe(acme.customer, publish(make_plan("side", offers=[more])), FEB)
    return make_version("wide", more=[more])


def by_levels(acme, new):
    stored = make_feature("stored", meter=make_meter("stored", aggregation="max", value_property="gb"))
    return make_version("levels", more=[offer(stored, rates=[rate(1)])])


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (other_currency, "has no prices in USD. Choose EUR"),
        (covered_elsewhere, "seats is already included in the subscription"),
        (by_levels, "Change the plan at the end of the period"),
    ],
)
def test_its_problems_are_those_of_the_run(acme, new, target, why):
    migration = planned(target(acme, new), at=AT)
    assert previewed(migration).figures["not possible"] == 1
    assert why in MigrationItem.objects.get().problem


def test_it_lists_warnings(acme):
    capped = offer("calls", included=3, consumption="hard_cap")
    small = publish(make_plan("small", offers=[capped]))
    use(acme, 8, FEB + 3 * DAY)
    add_override(acme, "calls", "percent", -10, at=JAN)
    withdrawn = add_override(acme, "calls", "included", 9, at=AT, starts_at=APR)
    end_override(override=withdrawn, at=AT)
    previewed(planned(small, at=AT))
    assert MigrationItem.objects.get().warnings[:3] == [
        "It loses exports.",
        f"calls: 8 used; the hard cap of {small} is 3.",
        "1 override of the customer will be kept.",
    ]


def test_a_solved_problem_is_not_in_the_next_preview(acme, new):
    migration = planned(new, at=AT)
    change_plan(subscription=acme, version=new, at=AT)
    previewed(migration)
    assert "already" in MigrationItem.objects.get().problem
    change_plan(subscription=acme, version=make_version("third"), at=AT + DAY)
    previewed(migration, at=AT + 2 * DAY)
    assert MigrationItem.objects.get().problem == ""
