"""A clock stops before a step that fails, records the reason, and resumes on request."""

from datetime import timedelta

import pytest

from billing import closing
from billing.closing.close_result import CloseFailure, CloseSummary
from billing.models import Period
from billing.simulation.sandbox import advance_all, advance_clock, clock_advance, retry_advance, start_advance
from customers.models import TestClock
from invoices.models import Invoice
from tests.billing.simulation.sandbox.clock_setup import advance_to, subscribed
from tests.builders import FEB, JAN, make_clock

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> TestClock:
    """Return a clock that is advancing to February, with a customer who is billed there."""
    made = make_clock(JAN)
    subscribed(made)
    advance_to(made, JAN + DAY)
    start_advance(clock_id=made.pk, to=FEB + DAY, by=None, at=JAN)
    return made


def refuse(**_: object) -> CloseSummary:
    return CloseSummary(failed=[CloseFailure(7, "no rate is for model “x”")])


def test_it_records_the_reason_and_rolls_the_step_back(clock, monkeypatch):
    monkeypatch.setattr(closing, "close_due", refuse)

    assert advance_clock(clock_id=clock.pk) == 0

    clock.refresh_from_db()
    assert (clock.state, clock.now) == ("failed", JAN + DAY)
    assert "Period 7 can't be closed: no rate is for model" in clock.failure
    assert Period.objects.filter(kind="regular").count() == 1, "the next one is not made either"


def test_it_resumes_only_on_request(clock, monkeypatch):
    monkeypatch.setattr(closing, "close_due", refuse)
    advance_clock(clock_id=clock.pk)
    monkeypatch.undo()

    assert advance_all() == 0, "it waits"
    retry_advance(clock_id=clock.pk, by=None, at=JAN)
    advance_all()

    clock.refresh_from_db()
    assert (clock.state, clock.now, Invoice.objects.count()) == ("standing", FEB + DAY, 2)


def test_a_locked_period_is_no_failure(clock, monkeypatch):
    monkeypatch.setattr(closing, "close_due", lambda **_: CloseSummary(busy=1))

    assert advance_clock(clock_id=clock.pk) == 0

    clock.refresh_from_db()
    assert (clock.state, clock.now) == ("advancing", JAN + DAY)


def test_an_interrupted_step_leaves_it_unchanged(clock, monkeypatch):
    def die(place: str) -> None:
        raise KeyboardInterrupt(place)

    monkeypatch.setattr(clock_advance, "hit_failpoint", die)
    with pytest.raises(KeyboardInterrupt):
        advance_clock(clock_id=clock.pk)
    monkeypatch.undo()

    clock.refresh_from_db()
    assert (clock.state, clock.now) == ("advancing", JAN + DAY)
    advance_clock(clock_id=clock.pk)
    clock.refresh_from_db()
    assert (clock.now, Invoice.objects.count()) == (FEB + DAY, 2)
