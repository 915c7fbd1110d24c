"""The steps of a plan migration that may need a second person, as acts: docs/approvals.md."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from access.approvals import Act, ActFacts
from access.models.approvals import ApprovalKind
from billing.models import Job, PlanMigration
from billing.models.plan_migrations import MoveState
from billing.plan_migrations import workflow
from billing.plan_migrations.cohort import MigrationRefused
from billing.plan_migrations.jobs import PLAN, RUN
from lib import sql
from lib.formats import format_money, format_number

# The subscriptions that a step moves, in one row however many there are.
_MOVES = """
SELECT count(*), coalesce(md5(string_agg(concat_ws(':', subscription_id, from_version_id), ',' ORDER BY id)), '')
FROM billing_migrationitem WHERE migration_id = %s AND state = ANY(%s)
"""

_TOTALS = """
SELECT s.currency, sum(m.before), sum(m.after)
FROM billing_migrationitem m JOIN billing_subscription s ON s.id = m.subscription_id
WHERE m.migration_id = %s AND m.state = ANY(%s) AND m.before IS NOT NULL AND m.after IS NOT NULL
GROUP BY 1 ORDER BY 1
"""


class AnnounceMigration(Act[PlanMigration], frozen=True, kw_only=True):
    """As `workflow.announce`."""

    name, kind, permission = "announce_migration", ApprovalKind.PLAN_MIGRATIONS, PLAN
    refusals = (MigrationRefused,)

    migration_id: int

    def read_facts(self, *, at: datetime) -> ActFacts:
        return _read_facts(self.migration_id, _("Notify the customers of %(migration)s"), states=[MoveState.WAITING])

    def carry_out(self, *, by: User | None, at: datetime) -> PlanMigration:
        return workflow.announce(migration_id=self.migration_id, at=at, by=by)


class RunMigration(Act[Job], frozen=True, kw_only=True):
    """As `workflow.run`."""

    name, kind, permission = "run_migration", ApprovalKind.PLAN_MIGRATIONS, RUN
    refusals = (MigrationRefused,)

    migration_id: int

    def read_facts(self, *, at: datetime) -> ActFacts:
        states = [MoveState.WAITING, MoveState.REFUSED]
        return _read_facts(self.migration_id, _("Run %(migration)s"), states=states)

    def carry_out(self, *, by: User | None, at: datetime) -> Job:
        return workflow.run(migration_id=self.migration_id, at=at, by=by)


class RollBackMigration(Act[Job], frozen=True, kw_only=True):
    """As `workflow.roll_back`."""

    name, kind, permission = "roll_back_migration", ApprovalKind.PLAN_MIGRATIONS, RUN
    refusals = (MigrationRefused,)

    migration_id: int

    def read_facts(self, *, at: datetime) -> ActFacts:
        states = [MoveState.SCHEDULED, MoveState.MOVED]
        return _read_facts(self.migration_id, _("Roll back %(migration)s"), states=states)

    def carry_out(self, *, by: User | None, at: datetime) -> Job:
        return workflow.roll_back(migration_id=self.migration_id, at=at, by=by)


def _read_facts(migration_id: int, title: str, *, states: Sequence[MoveState]) -> ActFacts:
    """
    Lock a migration and return the facts of a step. Its state, notification and subscriptions must not change.

    title: with %(migration)s. states: of the subscriptions that the step concerns.
    """
    # Row lock: the migration takes no other step while this one is requested or approved.
    migrations = PlanMigration.objects.select_for_update(of=("self",)).select_related("version__plan")
    migration = migrations.get(pk=migration_id)
    count, digest = sql.fetch_rows(_MOVES, [migration.pk, list(states)])[0]
    announced = f"{migration.announced_at:%Y-%m-%d %H:%M} UTC" if migration.announced_at else _("not notified")
    return ActFacts(
        subject=migration,
        title=title % {"migration": migration},
        sandbox=migration.sandbox,
        versions={
            str(migration): str(migration.get_state_display()),
            _("Customers"): announced,
            _("Subscriptions"): f"{format_number(count)} ({digest[:12]})",
        },
        rows=[
            (_("New version"), str(migration.version)),
            (_("Subscriptions"), format_number(count)),
            *_describe_terms(migration, states),
        ],
    )


def _describe_terms(migration: PlanMigration, states: Sequence[MoveState]) -> Iterator[tuple[str, str]]:
    time = f": {migration.moment:%Y-%m-%d %H:%M} UTC" if migration.moment else ""
    yield _("When"), f"{migration.get_when_display()}{time}"
    yield _("Custom pricing"), _("ends with the former version") if migration.ends_overrides else _("kept")
    if migration.rate is not None:
        text = _("%(rate)s %(from)s become 1 %(to)s")
        units = {"from": migration.from_unit, "to": migration.to_unit}
        yield _("Wallets"), text % {"rate": format_number(migration.rate), **units}
    if migration.notice_days is not None:
        yield _("Notice in days"), str(migration.notice_days)
    for currency, before, after in sql.fetch_rows(_TOTALS, [migration.pk, list(states)]):
        bills = f"{format_money(before, currency)} → {format_money(after, currency)}"
        yield _("Last bills, with the new version"), bills
