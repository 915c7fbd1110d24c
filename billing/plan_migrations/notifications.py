"""Tell customers, each with their own figures, what a migration will change, and from when on at the earliest."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from billing.models import MigrationItem, PlanMigration
from billing.models.plan_migrations import MoveState
from customers.notifications import Announcement, announce_all
from lib.formats import format_money

KIND = "migration.announced"
BATCH_SIZE = 1_000


def announce_to_customers(migration: PlanMigration, *, at: datetime) -> int:
    """Announce it to everybody who waits to be moved, in the caller's transaction; return how many they are."""
    told = 0
    announcements = _announcements(migration, at=at)
    while some := list(islice(announcements, BATCH_SIZE)):
        announce_all(kind=KIND, announcements=some, at=at)
        told += len(some)
    return told


def _announcements(migration: PlanMigration, *, at: datetime) -> Iterator[Announcement]:
    begins_at = max(at + timedelta(days=migration.notice_days or 0), migration.moment or at)
    waiting = migration.moves.filter(state=MoveState.WAITING).select_related("subscription", "from_version__plan")
    for one in waiting.order_by("pk").iterator(BATCH_SIZE):
        facts = {
            "subscription": one.subscription.external_id,
            "plan": one.from_version.plan.name,
            "new_plan": migration.version.plan.name,
            "when": migration.get_when_display(),
            "not_before": f"{begins_at:%Y-%m-%d}",
            **_bills(one),
        }
        yield Announcement(one.subscription.customer_id, facts, f"migration:{migration.pk}:{one.pk}")


def _bills(one: MigrationItem) -> dict[str, str | None]:
    """Return what the customer's last periods came to, and would come to, where that is known."""
    if one.before is None or one.after is None:
        return {"bill_before": None, "bill_after": None}
    currency = str(one.subscription.currency)
    return {"bill_before": format_money(one.before, currency), "bill_after": format_money(one.after, currency)}
