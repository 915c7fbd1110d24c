"""
The cohort of a migration is selected once: by plan, by ids and by criteria; unknown ids are returned with reasons.
"""

from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.models import MigrationItem, PlanMigration
from billing.plan_migrations.cohort import (
    MigrationRefused,
    MigrationTerms,
    Selection,
    exclude,
    include,
    plan_migration,
)
from billing.subscriptions import cancel
from tests.billing.plan_migrations.migration_setup import DAY, FIFTEENTH, make_version, planned, run
from tests.builders import FEB, JAN, make_customer, make_seller, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def new(db):
    return make_version("new")


@pytest.fixture
def four(db):
    old, other = make_version("old", currencies=["USD", "EUR"]), make_version("other")
    german = make_customer("german", country="DE", currency="EUR", seller=make_seller("gmbh", currency="EUR"))
    return [
        subscribe(make_customer("early"), old, external_id="s-early"),
        subscribe(make_customer("late"), old, JAN + 5 * DAY, external_id="s-late"),
        subscribe(german, old, external_id="s-german"),
        subscribe(make_customer("elsewhere"), other, external_id="s-elsewhere"),
    ]


def chosen(new, *, terms: MigrationTerms | None = None, **criteria) -> list[str]:
    plan = criteria.pop("plan", "old")
    made = plan_migration(
        title="To new",
        version=new,
        selection=Selection(plan=plan, **criteria),
        terms=terms or MigrationTerms(),
        at=FIFTEENTH,
    )
    return list(made.moves.order_by("pk").values_list("subscription__customer__external_id", flat=True))


@pytest.mark.parametrize(
    ("criteria", "customers"),
    [
        ({}, ["early", "late", "german"]),
        ({"versions": (1,)}, ["early", "late", "german"]),
        ({"ids": ("late", "s-german")}, ["late", "german"]),
        ({"plan": "", "ids": ("elsewhere",)}, ["elsewhere"]),
        ({"currency": "EUR"}, ["german"]),
        ({"country": "DE"}, ["german"]),
        ({"seller": "gmbh"}, ["german"]),
        ({"began_from": JAN + DAY}, ["late"]),
        ({"began_until": JAN + DAY}, ["early", "german"]),
    ],
)
def test_the_cohort_matches_the_criteria(new, four, criteria, customers):
    assert chosen(new, **criteria) == customers


def test_the_cohort_can_be_selected_by_the_last_invoice(new, four):
    subscribe(make_customer("cheap"), make_version("old", monthly="20"))
    close_due(at=FEB + DAY)
    assert chosen(new, spent_least=Decimal(30)) == ["early", "late", "german"]
    assert chosen(new, spent_most=Decimal(29)) == ["cheap"]


def test_later_subscriptions_are_not_in_the_cohort(new, four):
    migration = planned(new)
    subscribe(make_customer("newcomer"), four[0].version)
    assert migration.moves.count() == 3


def test_unknown_ids_are_returned_with_the_reason(new, four):
    subscribe(make_customer("there"), new)
    cancel(subscription=four[1], at=FIFTEENTH, ends_at=FIFTEENTH)
    elsewhere = four[3].version
    migration = planned(new, ids=["early", "nobody", "there", "late", "elsewhere"])
    assert migration.left_out == [
        ("nobody", "No subscription or customer has this ID."),
        ("there", f"Already on {new}."),
        ("late", "The subscription is canceled."),
        ("elsewhere", f"On {elsewhere.plan}, not {four[0].version.plan}."),
    ]


@pytest.mark.parametrize(
    ("criteria", "terms", "why"),
    [
        ({"plan": "", "country": "DE"}, {}, "Choose a plan, or enter"),
        ({"country": "FR"}, {}, "No active subscription matches"),
        ({}, {"when": "date"}, "Enter the date"),
        ({}, {"when": "date", "moment": JAN}, "is in the past"),
        ({}, {"when": "period", "moment": FEB}, "Enter the date"),
        ({}, {"from_unit": "credits"}, "Enter both units"),
        ({}, {"from_unit": "credits", "to_unit": "USD", "rate": Decimal(100)}, "move now"),
        ({}, {"when": "now", "from_unit": "credits", "to_unit": "USD", "rate": Decimal(-1)}, "above 0"),
    ],
)
def test_an_invalid_selection_is_rejected_and_stores_nothing(new, four, criteria, terms, why):
    with pytest.raises(MigrationRefused, match=why):
        chosen(new, terms=MigrationTerms(**terms), **criteria)
    assert not PlanMigration.objects.exists()


def test_single_subscriptions_are_excluded_and_included(new, four):
    migration = planned(new)
    early, late, _ = migration.moves.order_by("pk").values_list("pk", flat=True)
    assert exclude(migration=migration, move_ids=[early, late], at=FIFTEENTH, by=None) == 2
    assert include(migration=migration, move_ids=[late], at=FIFTEENTH, by=None) == 1
    run(migration)
    assert dict(MigrationItem.objects.values_list("subscription__customer__external_id", "state")) == {
        "early": "excluded",
        "late": "moved",
        "german": "refused",
    }
    assert exclude(migration=migration, move_ids=[late], at=FIFTEENTH, by=None) == 0
