"""Each constraint of the migration tables, violated by raw SQL, is reported by its name."""

import pytest
from django.contrib.auth.models import User

from billing.models import PlanMigration
from tests.billing.plan_migrations.migration_setup import make_version, planned, run
from tests.builders import make_customer, subscribe
from tests.db_refusals import refused_by

pytestmark = pytest.mark.django_db


def migration(change: str) -> str:
    return f"UPDATE billing_planmigration SET {change}"  # noqa: S608


def move(change: str) -> str:
    """Return the statement that changes the migrated item."""
    return f"UPDATE billing_migrationitem SET {change} WHERE state = 'moved'"  # noqa: S608


CASES = [
    ("migration_moment_is_known", migration("\"when\" = 'later'")),
    ("migration_state_is_known", migration("state = 'lost'")),
    ("migration_has_a_title", migration("title = ''")),
    ("only_a_dated_migration_has_a_moment", migration("moment = now()")),
    ("only_a_dated_migration_has_a_moment", migration("\"when\" = 'date'")),
    ("wallets_are_converted_between_two_units_at_a_rate", migration("rate = 1")),
    ("wallets_are_converted_between_two_units_at_a_rate", migration("from_unit = 'USD', to_unit = 'USD', rate = 1")),
    ("conversion_rate_is_finite", migration("from_unit = 'credits', to_unit = 'USD', rate = 'NaN'")),
    ("conversion_rate_is_finite", migration("from_unit = 'credits', to_unit = 'USD', rate = 0")),
    ("notice_is_given_a_year_ahead_at_most", migration("notice_days = 366")),
    ("migration_item_state_is_known", move("state = 'lost', moved_at = NULL")),
    (
        "migration_moves_a_subscription_once",
        "INSERT INTO billing_migrationitem (migration_id, subscription_id, from_version_id, state, problem, "
        "warnings, ended)"
        " SELECT migration_id, subscription_id, from_version_id, 'waiting', '', '[]', '[]' FROM "
        "billing_migrationitem",
    ),
    ("refused_migration_item_has_a_reason", move("state = 'refused', moved_at = NULL")),
    ("moved_migration_item_has_a_time", move("moved_at = NULL")),
    ("undone_migration_item_has_a_time", move("undone_at = now()")),
    ("undone_migration_item_has_a_time", move("state = 'undone'")),
    ("scheduled_migration_item_names_its_change", move("state = 'scheduled'")),
    ("migration_item_names_its_new_period", move("part_id = NULL")),
    ("bill_before_is_finite", move("before = 'NaN'")),
    ("bill_after_is_finite", move("after = 'NaN'")),
    ("bill_of_a_change_is_finite", move("switch = 'NaN'")),
    (
        "undone_period_is_over_and_done_with",
        "UPDATE billing_period SET kind = 'undone' WHERE state = 'open' AND kind = 'regular'",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def migrated_rows(shared_transaction: None) -> None:
    """Create a migration that has migrated one subscription."""
    subscribe(make_customer(), make_version("old"))
    run(planned(make_version("new")))
    PlanMigration.objects.update(requested_by=User.objects.create_user("asker"))


@pytest.mark.parametrize(("name", "statement"), CASES, ids=[name for name, _ in CASES])
def test_a_violated_constraint_is_rejected(name: str, statement: str):
    assert refused_by(statement) == name
