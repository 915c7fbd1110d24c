"""Announce a migration to its customers, each with their own amounts and the earliest date."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from billing.models import MigrationItem, PlanMigration
from billing.models.plan_migrations import MoveState
from customers.notifications import Announcement, announce_all
from lib.decimals import to_plain_string

KIND = "migration.announced"
# Messages per statement; the moves are streamed, so this also bounds the memory.
BATCH_SIZE = 1_000


def announce_to_customers(migration: PlanMigration, *, at: datetime) -> None:
    """Announce a migration to every customer who waits to be moved, in the caller's transaction."""
    announcements = _build_announcements(migration, at=at)
    while batch := list(islice(announcements, BATCH_SIZE)):
        announce_all(kind=KIND, announcements=batch, at=at)


def _build_announcements(migration: PlanMigration, *, at: datetime) -> Iterator[Announcement]:
    begins_at = max(at + timedelta(days=migration.notice_days or 0), migration.moment or at)
    waiting = migration.moves.filter(state=MoveState.WAITING).select_related("subscription", "from_version__plan")
    for move in waiting.order_by("pk").iterator(BATCH_SIZE):
        facts = {
            "subscription": move.subscription.external_id,
            "plan": move.from_version.plan.name,
            "new_plan": migration.version.plan.name,
            "when": migration.get_when_display(),
            "not_before": f"{begins_at:%Y-%m-%d}",
            **_bill_facts(move),
        }
        yield Announcement(move.subscription.customer_id, facts, f"migration:{migration.pk}:{move.pk}")


def _bill_facts(move: MigrationItem) -> dict[str, str | None]:
    """Return the totals of the customer's last periods, before and after the migration, if they are known."""
    if move.before is None or move.after is None:
        return {"bill_before": None, "bill_after": None, "currency": None}
    currency = str(move.subscription.currency)
    bills = {"bill_before": to_plain_string(move.before), "bill_after": to_plain_string(move.after)}
    return {**bills, "currency": currency}
