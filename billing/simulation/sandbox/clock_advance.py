"""
Advance test clocks: docs/sandbox.md#advancing.

A clock goes from one due moment to the next. Each step is one transaction under the clock's lock: the time moves and
all that is due then is done, or neither. So a worker that is killed leaves a clock where it was, several advance
different ones, and where a step fails nothing of that moment has happened.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from billing.closing.period_close import PASSING_ERRORS
from billing.simulation.sandbox import replay
from billing.simulation.sandbox.due_work import Busy, NotDone, do_what_is_due
from billing.simulation.sandbox.next_due import is_waiting, next_moment, waiting
from customers.models import TestClock
from lib.audit_log import change
from lib.error_text import readable
from lib.failpoints import reached

_log = logging.getLogger(__name__)

MOST_DAYS = 5 * 366
"""How far a clock is advanced at a time: further is a mistyped year."""


class CannotAdvance(Exception):
    """A clock cannot be made or advanced as asked; the text says why. field: of what was asked."""

    def __init__(self, text: str, field: str = "to") -> None:
        super().__init__(text)
        self.field = field


def make_clock(*, name: str, now: datetime, by: AbstractBaseUser | None, at: datetime) -> TestClock:
    """
    Make a clock that stands at `now`, of any time.

    :raises CannotAdvance: if there is one of that name.
    """
    try:
        with change("make a test clock", by=by, at=at):
            return TestClock.objects.create(name=name, now=now, created_by=by)
    except IntegrityError as error:
        raise CannotAdvance(f"There is a test clock “{name}” already: choose another name.", "name") from error


def advance(*, clock_id: int, to: datetime, by: AbstractBaseUser | None, at: datetime) -> TestClock:
    """
    Let a clock that stands go to a later time; whoever works on clocks takes it there.

    :raises CannotAdvance: if it is on its way already, or the time is not later, or beyond five years.
    """
    with change("advance a test clock", by=by, at=at, to=to.isoformat()):
        clock = TestClock.objects.select_for_update(no_key=True).get(pk=clock_id)
        if clock.target is not None:
            to_come = f"{clock.target:%Y-%m-%d %H:%M} UTC"
            raise CannotAdvance(f"{clock} is on its way to {to_come}: wait until it is there, or stop it.")
        if to <= clock.now:
            now = f"{clock.now:%Y-%m-%d %H:%M} UTC"
            raise CannotAdvance(f"It is {now} for {clock} already: time only goes forward, so choose a later one.")
        if (to - clock.now).days > MOST_DAYS:
            raise CannotAdvance(f"That is more than five years ahead of {clock}: advance it in parts.")
        clock.target, clock.set_off_from, clock.failure = to, clock.now, ""
        clock.save(update_fields=["target", "set_off_from", "failure"])
        return clock


def try_again(*, clock_id: int, by: AbstractBaseUser | None, at: datetime) -> TestClock:
    """Let a clock go on that a failure stopped; one that is not stopped goes on as it is."""
    with change("try to advance a test clock again", by=by, at=at):
        TestClock.objects.filter(pk=clock_id).exclude(failure="").update(failure="")
    return TestClock.objects.get(pk=clock_id)


def stay(*, clock_id: int, by: AbstractBaseUser | None, at: datetime) -> TestClock:
    """Let a clock stand where it is, wherever it was on its way to."""
    with change("stop a test clock", by=by, at=at):
        clock = TestClock.objects.select_for_update(no_key=True).get(pk=clock_id)
        clock.target, clock.set_off_from, clock.failure = None, None, ""
        clock.save(update_fields=["target", "set_off_from", "failure"])
        return clock


def advance_all(*, keep_going: Callable[[], bool] = lambda: True) -> int:
    """
    Take every clock where it is to go, and do what is due for those that stand; return how many steps that were.

    Any number of workers may be at it; each clock goes as far as it can before the next one.
    """
    steps = 0
    for clock_id in waiting():
        if keep_going():
            steps += _tried(clock_id, _keep_up)
    for clock_id in TestClock.objects.advancing().order_by("pk").values_list("pk", flat=True):
        steps += go_on(clock_id=clock_id, keep_going=keep_going)
    return steps


def go_on(*, clock_id: int, keep_going: Callable[[], bool] = lambda: True, most: int | None = None) -> int:
    """
    Advance one clock as far as it is to go, and return in how many steps; none while somebody else is at it.

    most: steps, if it is to be looked at in between.
    """
    steps = 0
    while steps != most and keep_going() and _tried(clock_id, _step):
        steps += 1
    return steps


def _tried(clock_id: int, action: Callable[[int], bool]) -> bool:
    """Return whether a step was made; where it failed, the clock says why, unless that passes by itself."""
    try:
        with transaction.atomic():
            return action(clock_id)
    except (Busy, *PASSING_ERRORS):
        return False
    except Exception as error:
        _log.warning("test clock %s stops", clock_id, exc_info=True)
        failure = readable(f"{error}" or type(error).__name__)
        TestClock.objects.advancing().filter(pk=clock_id).update(failure=failure)
        return False


def _step(clock_id: int) -> bool:
    """Go to the next due moment, or all the way, and do what is due there."""
    clock = _locked(clock_id)
    if clock is None or clock.target is None or clock.failure:
        return False
    if clock.now == clock.set_off_from and is_waiting(clock_id):
        do_what_is_due(clock_id, clock.now)
    before, due = clock.now, next_moment(clock_id, after=clock.now)
    moment = min(filter(None, (due, replay.reach(clock_id, after=before), clock.target)))
    clock.now = moment
    if moment == clock.target:
        clock.target = clock.set_off_from = None
    clock.save(update_fields=["now", "target", "set_off_from"])
    replay.replay(clock_id, since=before, until=moment)
    do_what_is_due(clock_id, moment)
    if is_waiting(clock_id):  # what one has brought about, such as money that a top-up put into a wallet
        do_what_is_due(clock_id, moment)
    reached("clock.before_commit")
    return True


def _keep_up(clock_id: int) -> bool:
    """
    Do what is due for a clock that stands, as after something was done by hand.

    What cannot be done says so itself, as in real time, and stops the clock when it is to go on.
    """
    clock = _locked(clock_id)
    if clock is None or clock.target is not None:
        return False
    with suppress(NotDone):
        do_what_is_due(clock_id, clock.now)
    return True


def _locked(clock_id: int) -> TestClock | None:
    return TestClock.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=clock_id).first()
