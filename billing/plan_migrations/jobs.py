"""
What a migration's jobs do: preview, run, roll back. Each job is cut into pieces of moves, found by their state.

A piece is one transaction. Those who need nothing but another version now are moved together, the others each in a
transaction of its own within: what is refused is undone alone, and noted with its reason. A worker that is killed
leaves the piece as it was, so nobody is moved twice or forgotten.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import transaction

from billing.jobs.kinds import ItemOutcome, JobDefinition
from billing.models import Job, JobItem, MigrationItem
from billing.models.plan_migrations import MoveState
from billing.plan_migrations.bill_comparison import record_bills
from billing.plan_migrations.bulk_move import move_in_bulk
from billing.plan_migrations.preview import preview_move
from billing.plan_migrations.subscription_move import move_subscription, roll_back_subscription
from billing.subscriptions.plan_changes.revocation import RevocationRefused
from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from billing.subscriptions.terms.price_overrides import OverrideRefused
from customers.customer_time import current_time
from lib.failpoints import hit_failpoint
from wallets.ledger.conversion import ConversionRefused

SUBSCRIPTIONS_PER_ITEM = 100
"""Subscriptions of one item, whose locks are held together: two seconds where each is moved by itself."""

REFUSALS = (SubscriptionRefused, RevocationRefused, OverrideRefused, ConversionRefused)
COLUMNS = ("subscription", "customer", "from", "outcome", "moment", "reason")

PREVIEW_STATES = (MoveState.WAITING, MoveState.REFUSED)
RUN_STATES = (MoveState.WAITING,)
ROLLBACK_STATES = (MoveState.SCHEDULED, MoveState.MOVED)


def _cut(states: tuple[MoveState, ...]) -> Callable[[Job, JobItem | None], Iterator[JobItem]]:
    def cut(job: Job, after: JobItem | None) -> Iterator[JobItem]:
        number, last = (after.number, after.parameters["last"]) if after else (0, 0)
        moves = MigrationItem.objects.filter(migration=job.parameters["migration"], state__in=states).order_by("pk")
        while ids := list(moves.filter(pk__gt=last).values_list("pk", flat=True)[:SUBSCRIPTIONS_PER_ITEM]):
            number, first, last = number + 1, ids[0], ids[-1]
            yield JobItem(job=job, number=number, parameters={"first": first, "last": last})

    return cut


def _each(item: JobItem, states: tuple[MoveState, ...]) -> Iterator[MigrationItem]:
    """Yield the moves of a piece that are still to be done, locked."""
    span = item.parameters["first"], item.parameters["last"]
    held = MigrationItem.objects.select_for_update(of=("self",)).filter(
        migration=item.job.parameters["migration"], state__in=states, pk__range=span
    )
    parties = held.select_related("subscription__customer__seller", "from_version__plan", "migration__version__plan")
    yield from parties.order_by("pk")


def _run(item: JobItem, at: datetime) -> ItemOutcome:
    outcome = ItemOutcome({"moved": 0, "to come": 0, "not possible": 0})
    moves = list(_each(item, RUN_STATES))
    together = move_in_bulk(moves, at=at, by=item.job.by)
    for one in moves:
        if one.subscription_id in together:
            one.state, one.problem = MoveState.MOVED, ""
            _count(one, "moved", at, outcome)
        else:
            _move_alone(one, item, at, outcome)
        hit_failpoint("migration.moved")
    return outcome


def _move_alone(one: MigrationItem, item: JobItem, at: datetime, outcome: ItemOutcome) -> None:
    try:
        with transaction.atomic():
            found = move_subscription(one, at=_now(one, at), by=item.job.by)
    except REFUSALS as error:
        _refuse(one, error, MoveState.REFUSED, outcome)
    else:
        _count(one, "moved" if found.part else "to come", found.begins_at, outcome)


def _undo(item: JobItem, at: datetime) -> ItemOutcome:
    outcome = ItemOutcome({"rolled back": 0, "not possible": 0})
    for one in _each(item, ROLLBACK_STATES):
        state = MoveState(one.state)
        try:
            with transaction.atomic():
                roll_back_subscription(one, at=_now(one, at), by=item.job.by)
        except REFUSALS as error:
            _refuse(one, error, state, outcome)
        else:
            _count(one, "rolled back", at, outcome)
        hit_failpoint("migration.moved_back")
    return outcome


def _preview(item: JobItem, at: datetime) -> ItemOutcome:
    outcome = ItemOutcome({"possible": 0, "not possible": 0, "with a warning": 0})
    moves = list(_each(item, PREVIEW_STATES))
    for one in moves:
        preview_move(one, at=_now(one, at))
    if moves:
        record_bills(moves, moves[0].migration.version, at=at)
    for one in moves:
        outcome.figures["not possible" if one.problem else "possible"] += 1
        outcome.figures["with a warning"] += bool(one.warnings)
        outcome.findings.append(_told(one, None))
    return outcome


def _now(one: MigrationItem, at: datetime) -> datetime:
    """Return what time it is for the customer: a sandbox customer may have a clock of its own."""
    customer = one.subscription.customer
    return at if customer.test_clock_id is None else current_time(customer)


def _refuse(one: MigrationItem, error: Exception, state: MoveState, outcome: ItemOutcome) -> None:
    MigrationItem.objects.filter(pk=one.pk).update(state=state, problem=str(error))
    one.state, one.problem = state, str(error)
    outcome.figures["not possible"] += 1
    outcome.findings.append(_told(one, None))


def _count(one: MigrationItem, what: str, moment: datetime, outcome: ItemOutcome) -> None:
    outcome.figures[what] += 1
    outcome.findings.append(_told(one, moment))


def _told(one: MigrationItem, moment: datetime | None) -> dict[str, str | int]:
    return {
        "subscription": one.subscription.external_id,
        "customer": one.subscription.customer.external_id,
        "from": str(one.from_version),
        "outcome": "not possible" if one.problem else MoveState(one.state).label,
        "moment": moment.isoformat() if moment else "",
        "reason": one.problem or " ".join(one.warnings),
    }


RUN = "billing.run_planmigration"
MIGRATION_PREVIEW = JobDefinition(
    permission="billing.add_planmigration", split=_cut(PREVIEW_STATES), process=_preview, columns=COLUMNS
)
MIGRATION = JobDefinition(permission=RUN, split=_cut(RUN_STATES), process=_run, columns=COLUMNS)
MIGRATION_UNDO = JobDefinition(permission=RUN, split=_cut(ROLLBACK_STATES), process=_undo, columns=COLUMNS)
