"""
Advance test clocks: docs/sandbox.md#advancing-a-clock.

A clock moves from one due moment to the next. Each step is one transaction under the clock's lock: the clock moves
and all work due at its new time is done, or neither happens. A worker that is killed therefore leaves the clock at
its last step, several workers advance different clocks, and a failed step changes nothing.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from billing.closing.period_close import TRANSIENT_ERRORS
from billing.simulation.sandbox import replay
from billing.simulation.sandbox.due_work import DueWorkBusy, DueWorkFailed, do_due_work
from billing.simulation.sandbox.next_due import clocks_with_due_work, has_due_work, next_due_at
from customers.models import TestClock
from lib.audit_log import audited_transaction
from lib.error_text import storable_error_text
from lib.failpoints import hit_failpoint
from lib.queue import NO_DEADLINE, Deadline, lock_free_row

_log = logging.getLogger(__name__)

MAX_DAYS = 5 * 366
"""Largest distance of one advance, in days; a larger one is a mistyped year."""


MAX_PASSES = 4
"""Passes over the due work of one time: a purchase is invoiced, charged, granted, and pays an invoice."""


class CannotAdvance(Exception):
    """A clock can't be created or advanced as requested; the text says why. field: the request's field at fault."""

    def __init__(self, text: str, field: str = "to") -> None:
        super().__init__(text)
        self.field = field


def create_clock(*, name: str, now: datetime, by: User | None, at: datetime) -> TestClock:
    """
    Create a clock that shows `now`, which may be any time.

    :raises CannotAdvance: if another clock has the name.
    """
    try:
        with audited_transaction("create a test clock", by=by, at=at):
            return TestClock.objects.create(name=name, now=now, created_by=by)
    except IntegrityError as error:
        raise CannotAdvance(f"A test clock named “{name}” already exists. Choose another name.", "name") from error


def start_advance(*, clock_id: int, to: datetime, by: User | None, at: datetime) -> TestClock:
    """
    Give an idle clock a later target time; the workers then advance it.

    :raises CannotAdvance: if the clock is already advancing, or `to` is not later or more than five years ahead.
    """
    with audited_transaction("advance a test clock", by=by, at=at, to=to.isoformat()):
        # A step holds the same lock, so the target is never set while the clock moves.
        clock = TestClock.objects.select_for_update(no_key=True).get(pk=clock_id)
        if clock.target is not None:
            to_come = f"{clock.target:%Y-%m-%d %H:%M} UTC"
            raise CannotAdvance(f"{clock} is advancing to {to_come}. Wait until it arrives, or stop it.")
        if to <= clock.now:
            now = f"{clock.now:%Y-%m-%d %H:%M} UTC"
            raise CannotAdvance(f"{clock} is already at {now}. Time only moves forward: choose a later time.")
        if (to - clock.now).days > MAX_DAYS:
            raise CannotAdvance(f"That is more than five years ahead of {clock}. Advance it in steps.")
        clock.target, clock.set_off_from, clock.failure = to, clock.now, ""
        clock.save(update_fields=["target", "set_off_from", "failure"])
        return clock


def retry_advance(*, clock_id: int, by: User | None, at: datetime) -> TestClock:
    """Clear the failure that stopped a clock, so that it continues; other clocks stay unchanged."""
    with audited_transaction("retry advancing a test clock", by=by, at=at):
        TestClock.objects.filter(pk=clock_id).exclude(failure="").update(failure="")
    return TestClock.objects.get(pk=clock_id)


def stop_clock(*, clock_id: int, by: User | None, at: datetime) -> TestClock:
    """Stop a clock at the time it shows, and drop its target."""
    with audited_transaction("stop a test clock", by=by, at=at):
        # Wait for a step that is under way: it writes the clock's time and target.
        clock = TestClock.objects.select_for_update(no_key=True).get(pk=clock_id)
        clock.target, clock.set_off_from, clock.failure = None, None, ""
        clock.save(update_fields=["target", "set_off_from", "failure"])
        return clock


def advance_all(*, deadline: Deadline = NO_DEADLINE) -> int:
    """
    Do the due work of every idle clock and advance every clock with a target; return how many steps were taken.

    Any number of workers may run this concurrently. Each clock advances as far as it can before the next one starts.
    """
    steps = sum(_attempt(clock_id, _do_due_work) for clock_id in deadline.limit(clocks_with_due_work()))
    for clock_id in TestClock.objects.advancing().order_by("pk").values_list("pk", flat=True):
        steps += advance_clock(clock_id=clock_id, deadline=deadline)
    return steps


def advance_clock(*, clock_id: int, deadline: Deadline = NO_DEADLINE, max_steps: int | None = None) -> int:
    """
    Advance one clock toward its target; return the number of steps, 0 while another worker holds the clock.

    max_steps: stop after this many steps, so that the caller can look at the state in between.
    """
    steps = 0
    while steps != max_steps and deadline.has_time() and _attempt(clock_id, _step):
        steps += 1
    return steps


def _attempt(clock_id: int, action: Callable[[int], bool]) -> bool:
    """
    Run one action and return whether it took a step; an error that is not temporary is stored as the clock's failure.
    """
    try:
        with transaction.atomic():
            return action(clock_id)
    except (DueWorkBusy, *TRANSIENT_ERRORS):
        return False
    except Exception as error:
        _log.warning("test clock %s stops", clock_id, exc_info=True)
        failure = storable_error_text(f"{error}" or type(error).__name__)
        TestClock.objects.advancing().filter(pk=clock_id).update(failure=failure)
        return False


def _step(clock_id: int) -> bool:
    """Move the clock to its next due moment, or to its target, and do the work due there."""
    clock = _lock_clock(clock_id)
    if clock is None or clock.target is None or clock.failure:
        return False
    if clock.now == clock.set_off_from and has_due_work(clock_id):
        _do_all_due_work(clock_id, clock.now, is_due=False)
    since, due_at = clock.now, next_due_at(clock_id, after=clock.now)
    moment = min(filter(None, (due_at, replay.replay_limit(clock_id, after=since), clock.target)))
    clock.now = moment
    if moment == clock.target:
        clock.target = clock.set_off_from = None
    clock.save(update_fields=["now", "target", "set_off_from"])
    replay.replay_usage(clock_id, since=since, until=moment)
    _do_all_due_work(clock_id, moment, is_due=moment == due_at)
    hit_failpoint("clock.before_commit")
    return True


def _do_all_due_work(clock_id: int, at: datetime, *, is_due: bool) -> None:
    """Do the work due at a time, and the work that this causes: a top-up's money can pay an invoice."""
    do_due_work(clock_id, at, is_due=is_due)
    for _ in range(MAX_PASSES - 1):
        if not has_due_work(clock_id):
            return
        do_due_work(clock_id, at, is_due=is_due)


def _do_due_work(clock_id: int) -> bool:
    """
    Do the due work of an idle clock, for example after a change by hand.

    Work that fails reports its own failure, as in real time; the failure stops the clock once it has a target.
    """
    clock = _lock_clock(clock_id)
    if clock is None or clock.target is not None:
        return False
    with suppress(DueWorkFailed):
        _do_all_due_work(clock_id, clock.now, is_due=False)
    return True


def _lock_clock(clock_id: int) -> TestClock | None:
    # A locked clock is being advanced by another worker; skip it instead of waiting. The lock is held for the whole
    # step, so that the time and the work done at it are committed together.
    return lock_free_row(TestClock.objects.filter(pk=clock_id))
