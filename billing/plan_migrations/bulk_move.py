"""Move those subscriptions of a migration together that change only their version and change it now, as most do."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError

from billing.models import MigrationItem, PlanMigration
from billing.models.plan_migrations import MigrationTiming
from billing.subscriptions.plan_changes.bulk_plan_change import change_plans
from lib import sql
from lib.audit_log import audited_transaction

# Finds the former version by the period that the new part continues.
_MARK_MOVED = """
UPDATE billing_migrationitem m SET state = 'moved', problem = '', moved_at = %(at)s, part_id = p.id,
    from_version_id = former.version_id
FROM billing_period p JOIN billing_period former ON former.id = p.continues_id
WHERE p.id = ANY(%(parts)s) AND m.subscription_id = p.subscription_id AND m.migration_id = %(migration)s
"""


def move_in_bulk(moves: Sequence[MigrationItem], *, at: datetime, by: User | None) -> set[int]:
    """
    Move the subscriptions that can be moved together, all of one migration and at `at`; return their ids.

    The others are to be moved one by one, which succeeds or gives the reason.
    """
    if not moves or not _can_move_in_bulk(moves[0].migration, at):
        return set()
    migration = moves[0].migration
    # Customers on test clocks have another current time.
    ids = [move.subscription_id for move in moves if move.subscription.customer.test_clock_id is None]
    try:
        with audited_transaction("migrate", by=by, at=at, migration=migration.pk):
            parts = change_plans(subscription_ids=ids, version=migration.version, at=at, by=by)
            sql.execute(_MARK_MOVED, {"at": at, "parts": list(parts.values()), "migration": migration.pk})
    except IntegrityError:
        return set()  # a coverage conflict: moved one by one, each subscription shows whether it has it
    return set(parts)


def _can_move_in_bulk(migration: PlanMigration, at: datetime) -> bool:
    is_now = migration.when == MigrationTiming.NOW or (migration.moment is not None and migration.moment <= at)
    return is_now and not migration.ends_overrides and not migration.converts
