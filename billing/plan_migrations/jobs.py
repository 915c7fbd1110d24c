"""
Jobs of a migration: preview, run, roll back. Each job is split into items of moves, found by their state.

An item is one transaction. Subscriptions that only change their version now are moved together, the others each in a
savepoint of its own: a refusal is undone alone and stored with its reason. A crash rolls the item back, so no
subscription is moved twice or skipped.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import transaction

from billing.jobs.definitions import ItemOutcome, JobDefinition
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
"""Subscriptions of one item, which are locked together: for two seconds if each is moved by itself."""

REFUSALS = (SubscriptionRefused, RevocationRefused, OverrideRefused, ConversionRefused)
COLUMNS = ("subscription", "customer", "from", "outcome", "moment", "reason")

PREVIEW_STATES = (MoveState.WAITING, MoveState.REFUSED)
RUN_STATES = (MoveState.WAITING,)
ROLLBACK_STATES = (MoveState.SCHEDULED, MoveState.MOVED)


def _split(states: tuple[MoveState, ...]) -> Callable[[Job, JobItem | None], Iterator[JobItem]]:
    def split(job: Job, after: JobItem | None) -> Iterator[JobItem]:
        number, last = (after.number, after.parameters["last"]) if after else (0, 0)
        moves = MigrationItem.objects.filter(migration=job.parameters["migration"], state__in=states).order_by("pk")
        # By id, so that a repeated split continues after the last item.
        while ids := list(moves.filter(pk__gt=last).values_list("pk", flat=True)[:SUBSCRIPTIONS_PER_ITEM]):
            number, first, last = number + 1, ids[0], ids[-1]
            yield JobItem(job=job, number=number, parameters={"first": first, "last": last})

    return split


def _lock_moves(item: JobItem, states: tuple[MoveState, ...]) -> Iterator[MigrationItem]:
    """Yield the moves of an item that are still to be done, locked."""
    id_range = item.parameters["first"], item.parameters["last"]
    # Row locks: an operator can't exclude a move while the item processes it.
    moves = MigrationItem.objects.select_for_update(of=("self",)).filter(
        migration=item.job.parameters["migration"], state__in=states, pk__range=id_range
    )
    moves_with_parties = moves.select_related(
        "subscription__customer", "subscription__seller", "from_version__plan", "migration__version__plan"
    )
    yield from moves_with_parties.order_by("pk")


def _run(item: JobItem, at: datetime) -> ItemOutcome:
    outcome = ItemOutcome({"moved": 0, "upcoming": 0, "not possible": 0})
    moves = list(_lock_moves(item, RUN_STATES))
    # The fast path first; the rest are moved one by one.
    moved_ids = move_in_bulk(moves, at=at, by=item.job.by)
    for move in moves:
        if move.subscription_id in moved_ids:
            move.state, move.problem = MoveState.MOVED, ""
            _record_success(move, "moved", at, outcome)
        else:
            _move_alone(move, item, at, outcome)
        hit_failpoint("migration.moved")
    return outcome


def _move_alone(move: MigrationItem, item: JobItem, at: datetime, outcome: ItemOutcome) -> None:
    try:
        with transaction.atomic():
            result = move_subscription(move, at=_current_time(move, at), by=item.job.by)
    except REFUSALS as error:
        _refuse(move, error, MoveState.REFUSED, outcome)
    else:
        _record_success(move, "moved" if result.part else "upcoming", result.begins_at, outcome)


def _roll_back(item: JobItem, at: datetime) -> ItemOutcome:
    outcome = ItemOutcome({"rolled back": 0, "not possible": 0})
    for move in _lock_moves(item, ROLLBACK_STATES):
        # A refused rollback leaves the move in the state that it has.
        state = MoveState(move.state)
        try:
            with transaction.atomic():
                roll_back_subscription(move, at=_current_time(move, at), by=item.job.by)
        except REFUSALS as error:
            _refuse(move, error, state, outcome)
        else:
            _record_success(move, "rolled back", at, outcome)
        hit_failpoint("migration.moved_back")
    return outcome


def _preview(item: JobItem, at: datetime) -> ItemOutcome:
    outcome = ItemOutcome({"possible": 0, "not possible": 0, "with a warning": 0})
    moves = list(_lock_moves(item, PREVIEW_STATES))
    for move in moves:
        preview_move(move, at=_current_time(move, at))
    if moves:
        # For all moves at once: one simulation instead of a hundred.
        record_bills(moves, moves[0].migration.version, at=at)
    for move in moves:
        outcome.figures["not possible" if move.problem else "possible"] += 1
        outcome.figures["with a warning"] += bool(move.warnings)
        outcome.findings.append(_finding(move, None))
    return outcome


def _current_time(move: MigrationItem, at: datetime) -> datetime:
    """Return the customer's current time: that of its test clock, if it has one."""
    customer = move.subscription.customer
    return at if customer.test_clock_id is None else current_time(customer)


def _refuse(move: MigrationItem, error: Exception, state: MoveState, outcome: ItemOutcome) -> None:
    MigrationItem.objects.filter(pk=move.pk).update(state=state, problem=str(error))
    move.state, move.problem = state, str(error)
    outcome.figures["not possible"] += 1
    outcome.findings.append(_finding(move, None))


def _record_success(move: MigrationItem, figure: str, moment: datetime, outcome: ItemOutcome) -> None:
    outcome.figures[figure] += 1
    outcome.findings.append(_finding(move, moment))


def _finding(move: MigrationItem, moment: datetime | None) -> dict[str, str | int]:
    return {
        "subscription": move.subscription.external_id,
        "customer": move.subscription.customer.external_id,
        "from": str(move.from_version),
        "outcome": "not possible" if move.problem else str(MoveState(move.state).label),
        "moment": moment.isoformat() if moment else "",
        "reason": move.problem or " ".join(move.warnings),
    }


PLAN, RUN = "billing.add_planmigration", "billing.run_planmigration"
MIGRATION_PREVIEW = JobDefinition(permission=PLAN, split=_split(PREVIEW_STATES), process=_preview, columns=COLUMNS)
MIGRATION = JobDefinition(permission=RUN, split=_split(RUN_STATES), process=_run, columns=COLUMNS)
MIGRATION_UNDO = JobDefinition(permission=RUN, split=_split(ROLLBACK_STATES), process=_roll_back, columns=COLUMNS)
