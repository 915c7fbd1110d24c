"""While a trial is not over, it may end now or later, and what is paid begins when it does."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F

from billing.audit import assert_clean
from billing.closing import close_due, preview_trial_end
from billing.models import Period
from billing.subscriptions import TrialRefused, cancel, change_plan, end_trial, extend_trial, generate_periods
from billing.subscriptions.plan_changes import rollouts
from invoices.models import Line
from plans.models.versions import Audience
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    JAN,
    MAR,
    agree,
    fee,
    make_customer,
    make_plan,
    offer,
    promise,
    publish,
    rate,
    subscribe,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
TRIAL_END = JAN + 14 * DAY


def trial_plan(code="pro", **fields):
    offers = [offer("calls", included=10, rates=[rate("1")])]
    fields = {"anchor": "anniversary", "trial_days": 14, **fields}
    return publish(make_plan(code, fees=[fee("31")], offers=offers, **fields))


@pytest.fixture
def subscription():
    return subscribe(make_customer("acme"), trial_plan())


def call(id_, moment):
    return send({"id": id_, "customer": "acme", "event": "calls", "timestamp": moment.isoformat()}, at=moment)


def spans(subscription):
    periods = subscription.periods.order_by("starts_at")
    return [(period.is_trial, period.starts_at, period.ends_at) for period in periods]


def test_ended_now_the_paid_period_begins(subscription):
    trial = end_trial(subscription=subscription, at=JAN + 5 * DAY)
    assert spans(subscription) == [(True, JAN, JAN + 5 * DAY), (False, JAN + 5 * DAY, JAN + 36 * DAY)]
    assert trial.due_at == JAN + 5 * DAY + HOUR
    subscription.refresh_from_db()
    assert (subscription.state, subscription.trial_ends_at) == ("active", JAN + 5 * DAY)
    assert subscription.anchor_at == JAN + 5 * DAY


def test_the_first_fee_is_due_after_the_grace(subscription):
    shown = preview_trial_end(subscription=subscription, at=JAN + 5 * DAY)
    assert Period.objects.count() == 1, "a preview changes nothing"
    end_trial(subscription=subscription, at=JAN + 5 * DAY)
    close_due(at=JAN + 5 * DAY + HOUR)
    assert [line.amount for line in shown.lines] == [line.amount.amount for line in Line.objects.all()] == [31]


def test_usage_ahead_of_now_is_in_the_trial(subscription):
    ahead = JAN + 5 * DAY + timedelta(minutes=3)
    assert call("e1", ahead) == ["accepted"]
    end_trial(subscription=subscription, at=JAN + 5 * DAY)
    assert spans(subscription)[0] == (True, JAN, ahead + TICK)


def test_usage_after_it_is_paid_for(subscription):
    assert call("e1", JAN + 5 * DAY) == ["accepted"], "by a copy of the trial"
    end_trial(subscription=subscription, at=JAN + 6 * DAY)
    assert call("e2", JAN + 7 * DAY) == ["accepted"]
    counted = Period.objects.order_by("starts_at").values_list("is_trial", "counters__events")
    assert list(counted) == [(True, 1), (False, 1)]


def test_extended_it_lasts_longer(subscription):
    extend_trial(subscription=subscription, ends_at=TRIAL_END + 7 * DAY, at=JAN + DAY)
    generate_periods(until=MAR)
    assert spans(subscription)[:2] == [
        (True, JAN, TRIAL_END + 7 * DAY),
        (False, TRIAL_END + 7 * DAY, TRIAL_END + 38 * DAY),
    ]


def test_extended_at_the_last_moment_it_takes_back_the_paid_period_that_was_made(subscription):
    generate_periods(until=TRIAL_END + HOUR)
    assert call("e1", TRIAL_END - HOUR) == ["accepted"]
    extend_trial(subscription=subscription, ends_at=TRIAL_END + DAY, at=TRIAL_END - HOUR)
    assert spans(subscription) == [(True, JAN, TRIAL_END + DAY)]
    assert call("e2", TRIAL_END + HOUR) == ["accepted"], "by a copy that is old"
    assert Period.objects.get().counters.get().events == 2


def test_it_is_not_extended_over_usage_that_is_paid_for(subscription):
    generate_periods(until=TRIAL_END + HOUR)
    assert call("e1", TRIAL_END + timedelta(minutes=5)) == ["accepted"]
    with pytest.raises(TrialRefused, match="Usage is recorded"):
        extend_trial(subscription=subscription, ends_at=TRIAL_END + DAY, at=TRIAL_END - HOUR)


def test_an_anchor_that_was_agreed_stays():
    subscription = subscribe(make_customer("acme"), trial_plan(), anchor_at=JAN)
    end_trial(subscription=subscription, at=JAN + 5 * DAY)
    assert spans(subscription)[1] == (False, JAN + 5 * DAY, JAN + 31 * DAY)


def held(agreed):
    """Return what was agreed and not withdrawn, and from when to when."""
    rows = agreed.exclude(ends_at=F("starts_at")).order_by("starts_at")
    return [(getattr(row, "value", None) or row.minimum, row.starts_at, row.ends_at) for row in rows]


ENDS = [
    # the trial ends  and what was agreed from then on ends
    (JAN + 5 * DAY, None),
    (JAN + 5 * DAY, TRIAL_END + 20 * DAY),
    (TRIAL_END + 7 * DAY, None),
    (TRIAL_END + 7 * DAY, TRIAL_END + 20 * DAY),
]


@pytest.mark.parametrize(("moves_to", "until"), ENDS)
def test_what_was_agreed_from_its_end_on_moves_with_it(subscription, moves_to, until):
    agree(subscription, "calls", "price", "0.7", starts_at=JAN, at=JAN)
    agree(subscription, "calls", "price", "0.5", at=JAN + DAY, ends_at=until)
    promise(subscription, "100", at=JAN, starts_at=TRIAL_END, ends_at=until)
    if moves_to < TRIAL_END:
        end_trial(subscription=subscription, at=moves_to)
    else:
        extend_trial(subscription=subscription, ends_at=moves_to, at=JAN + 5 * DAY)
    assert held(subscription.overrides) == [(Decimal("0.7"), JAN, moves_to), (Decimal("0.5"), moves_to, until)]
    assert held(subscription.commitments) == [(100, moves_to, until)]


def test_what_was_agreed_for_less_time_than_it_is_extended_by_never_holds(subscription):
    agree(subscription, "calls", "price", "0.5", at=JAN + DAY, ends_at=TRIAL_END + DAY)
    extend_trial(subscription=subscription, ends_at=TRIAL_END + 7 * DAY, at=JAN + 5 * DAY)
    assert held(subscription.overrides) == []


def test_what_was_agreed_for_a_time_in_between_is_in_the_way(subscription):
    agree(subscription, "calls", "price", "0.7", starts_at=JAN + 8 * DAY, at=JAN)
    agree(subscription, "calls", "price", "0.5", at=JAN + DAY)
    with pytest.raises(TrialRefused, match="are in the way: end those first"):
        end_trial(subscription=subscription, at=JAN + 5 * DAY)
    assert spans(subscription) == [(True, JAN, TRIAL_END)]


def test_of_a_trial_in_two_parts_the_last_one_moves(subscription):
    change_plan(subscription=subscription, version=trial_plan("team"), at=JAN + 3 * DAY)
    extend_trial(subscription=subscription, ends_at=TRIAL_END + DAY, at=JAN + 4 * DAY)
    end_trial(subscription=subscription, at=JAN + 5 * DAY)
    assert spans(subscription)[:2] == [(True, JAN, JAN + 3 * DAY), (True, JAN + 3 * DAY, JAN + 5 * DAY)]


REFUSALS = [
    # at         until            what it says
    (TRIAL_END, TRIAL_END + DAY, "in no trial"),
    (JAN + DAY, TRIAL_END, "lasts until .*: choose a later moment"),
    (JAN + DAY, JAN + 731 * DAY, "730 days at most"),
]


@pytest.mark.parametrize(("at", "until", "says"), REFUSALS)
def test_what_cannot_be_extended_is_refused_in_words(subscription, at, until, says):
    with pytest.raises(TrialRefused, match=says):
        extend_trial(subscription=subscription, ends_at=until, at=at)


def test_it_does_not_outlast_its_subscription():
    subscription = subscribe(make_customer("acme"), trial_plan(), ends_at=TRIAL_END + DAY)
    with pytest.raises(TrialRefused, match="choose no later moment"):
        extend_trial(subscription=subscription, ends_at=TRIAL_END + 2 * DAY, at=JAN)


def test_what_has_no_trial_cannot_end_it():
    subscription = subscribe(make_customer("acme"), trial_plan(), trial_days=0)
    with pytest.raises(TrialRefused, match="in no trial"):
        end_trial(subscription=subscription, at=JAN + DAY)


def test_a_trial_to_come_does_not_end_before_it_begins():
    subscription = subscribe(make_customer("acme"), trial_plan(), starts_at=JAN + DAY, at=JAN)
    with pytest.raises(TrialRefused, match="begins at"):
        end_trial(subscription=subscription, at=JAN)


def test_one_that_was_canceled_keeps_its_end(subscription):
    cancel(subscription=subscription, at=JAN + DAY)
    with pytest.raises(TrialRefused, match="in no trial"):
        end_trial(subscription=subscription, at=JAN + 2 * DAY)


def test_it_moves_to_a_new_version_when_it_is_over_at_the_earliest(subscription):
    version = make_plan("pro", fees=[fee("62")], anchor="anniversary")
    rollouts.publish_for(version=version, audience=Audience.ALL, by=None, at=JAN + DAY)
    rollouts.roll_out(at=JAN + DAY)
    to_come = subscription.changes.get()
    assert (to_come.state, to_come.moment) == ("pending", TRIAL_END)
    for refused in (
        lambda: end_trial(subscription=subscription, at=JAN + 2 * DAY),
        lambda: extend_trial(subscription=subscription, ends_at=TRIAL_END + DAY, at=JAN + 2 * DAY),
    ):
        with pytest.raises(TrialRefused, match="revoke that first"):
            refused()
    generate_periods(until=TRIAL_END + HOUR)
    close_due(at=TRIAL_END + HOUR)
    assert [line.amount.amount for line in Line.objects.all()] == [62]
    assert_clean()


def test_a_moment_inside_it_waits_for_its_end(subscription):
    version = make_plan("pro", fees=[fee("62")], anchor="anniversary")
    from_a_moment = {"effective_from": JAN + 5 * DAY, "splits_periods": True}
    rollouts.publish_for(version=version, audience=Audience.ALL, by=None, at=JAN + DAY, **from_a_moment)
    rollouts.roll_out(at=JAN + DAY)
    to_come = subscription.changes.get()
    assert (to_come.state, to_come.moment) == ("pending", TRIAL_END)
    assert to_come.problem == "It is in its trial then: it moves where its next period begins."
