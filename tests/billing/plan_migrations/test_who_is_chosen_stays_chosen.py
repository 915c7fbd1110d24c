"""Who is to move is chosen once: by plan, by ids, by what fits besides; ids of nobody come back with reasons."""

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
from tests.billing.plan_migrations.world import DAY, FIFTEENTH, make_version, planned, run
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


def chosen(new, *, terms: MigrationTerms | None = None, **asked) -> list[str]:
    plan = asked.pop("plan", "old")
    made = plan_migration(
        title="To new",
        version=new,
        selection=Selection(plan=plan, **asked),
        terms=terms or MigrationTerms(),
        at=FIFTEENTH,
    )
    return list(made.moves.order_by("pk").values_list("subscription__customer__external_id", flat=True))


@pytest.mark.parametrize(
    ("asked", "who"),
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
def test_they_are_those_who_fit(new, four, asked, who):
    assert chosen(new, **asked) == who


def test_the_last_bill_decides_where_that_is_asked_for(new, four):
    subscribe(make_customer("cheap"), make_version("old", monthly="20"))
    close_due(at=FEB + DAY)
    assert chosen(new, spent_least=Decimal(30)) == ["early", "late", "german"]
    assert chosen(new, spent_most=Decimal(29)) == ["cheap"]


def test_who_subscribes_afterwards_is_not_among_them(new, four):
    migration = planned(new)
    subscribe(make_customer("newcomer"), four[0].version)
    assert migration.moves.count() == 3


def test_ids_that_name_nobody_come_back_with_the_reason(new, four):
    subscribe(make_customer("there"), new)
    cancel(subscription=four[1], at=FIFTEENTH, ends_at=FIFTEENTH)
    made = planned(new, ids=["early", "nobody", "there", "late", "elsewhere"])
    assert made.left_out == [
        ("nobody", "No subscription or customer has this id."),
        ("there", f"It is on {new} already."),
        ("late", "It is canceled."),
        ("elsewhere", "It does not fit what else was asked for."),
    ]


@pytest.mark.parametrize(
    ("asked", "terms", "why"),
    [
        ({"plan": "", "country": "DE"}, {}, "Choose a plan, or name"),
        ({"country": "FR"}, {}, "No running subscription fits"),
        ({}, {"when": "date"}, "Say which date"),
        ({}, {"when": "date", "moment": JAN}, "is past"),
        ({}, {"when": "period", "moment": FEB}, "Say which date"),
        ({}, {"from_unit": "credits"}, "Give two units"),
        ({}, {"from_unit": "credits", "to_unit": "USD", "rate": Decimal(100)}, "moves now"),
        ({}, {"when": "now", "from_unit": "credits", "to_unit": "USD", "rate": Decimal(-1)}, "above zero"),
    ],
)
def test_it_is_refused_with_the_reason_and_nothing_stays(new, four, asked, terms, why):
    with pytest.raises(MigrationRefused, match=why):
        chosen(new, terms=MigrationTerms(**terms), **asked)
    assert not PlanMigration.objects.exists()


def test_single_ones_are_left_out_and_taken_in_again(new, four):
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
