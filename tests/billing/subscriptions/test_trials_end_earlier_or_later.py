"""A running trial can end now or later, and the paid periods start at its new end."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F

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
    add_commitment,
    add_override,
    fee,
    make_customer,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import assert_clean, clean_after_test

clean_books = clean_after_test("subscriptions", "usage", "invoices")

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


def periods_of(subscription):
    periods = subscription.periods.order_by("starts_at")
    return [(period.is_trial, period.starts_at, period.ends_at) for period in periods]


def test_a_trial_ended_now_starts_the_paid_period(subscription):
    trial = end_trial(subscription=subscription, at=JAN + 5 * DAY)
    assert periods_of(subscription) == [(True, JAN, JAN + 5 * DAY), (False, JAN + 5 * DAY, JAN + 36 * DAY)]
    assert trial.due_at == JAN + 5 * DAY + HOUR
    subscription.refresh_from_db()
    assert (subscription.state, subscription.trial_ends_at) == ("active", JAN + 5 * DAY)
    assert subscription.anchor_at == JAN + 5 * DAY


def test_the_first_fee_is_due_after_the_grace_period(subscription):
    draft = preview_trial_end(subscription=subscription, at=JAN + 5 * DAY)
    assert Period.objects.count() == 1, "a preview changes nothing"
    end_trial(subscription=subscription, at=JAN + 5 * DAY)
    close_due(at=JAN + 5 * DAY + HOUR)
    assert [line.amount for line in draft.lines] == [line.amount.amount for line in Line.objects.all()] == [31]


def test_usage_with_a_future_time_is_in_the_trial(subscription):
    ahead = JAN + 5 * DAY + timedelta(minutes=3)
    assert call("e1", ahead) == ["accepted"]
    end_trial(subscription=subscription, at=JAN + 5 * DAY)
    assert periods_of(subscription)[0] == (True, JAN, ahead + TICK)


def test_usage_after_the_trial_is_billed(subscription):
    assert call("e1", JAN + 5 * DAY) == ["accepted"], "by a copy of the trial"
    end_trial(subscription=subscription, at=JAN + 6 * DAY)
    assert call("e2", JAN + 7 * DAY) == ["accepted"]
    counted = Period.objects.order_by("starts_at").values_list("is_trial", "counters__events")
    assert list(counted) == [(True, 1), (False, 1)]


def test_an_extended_trial_lasts_longer(subscription):
    extend_trial(subscription=subscription, ends_at=TRIAL_END + 7 * DAY, at=JAN + DAY)
    generate_periods(until=MAR)
    assert periods_of(subscription)[:2] == [
        (True, JAN, TRIAL_END + 7 * DAY),
        (False, TRIAL_END + 7 * DAY, TRIAL_END + 38 * DAY),
    ]


def test_a_late_extension_removes_the_paid_period_created_ahead(subscription):
    generate_periods(until=TRIAL_END + HOUR)
    assert call("e1", TRIAL_END - HOUR) == ["accepted"]
    extend_trial(subscription=subscription, ends_at=TRIAL_END + DAY, at=TRIAL_END - HOUR)
    assert periods_of(subscription) == [(True, JAN, TRIAL_END + DAY)]
    assert call("e2", TRIAL_END + HOUR) == ["accepted"], "by a copy that is old"
    assert Period.objects.get().counters.get().events == 2


def test_a_trial_is_not_extended_over_billed_usage(subscription):
    generate_periods(until=TRIAL_END + HOUR)
    assert call("e1", TRIAL_END + timedelta(minutes=5)) == ["accepted"]
    with pytest.raises(TrialRefused, match="Usage is recorded"):
        extend_trial(subscription=subscription, ends_at=TRIAL_END + DAY, at=TRIAL_END - HOUR)


def test_an_agreed_anchor_is_kept():
    subscription = subscribe(make_customer("acme"), trial_plan(), anchor_at=JAN)
    end_trial(subscription=subscription, at=JAN + 5 * DAY)
    assert periods_of(subscription)[1] == (False, JAN + 5 * DAY, JAN + 31 * DAY)


def agreed_terms(agreements):
    """Return value, start and end of the agreements that were not withdrawn."""
    rows = agreements.exclude(ends_at=F("starts_at")).order_by("starts_at")
    return [(getattr(row, "value", None) or row.minimum, row.starts_at, row.ends_at) for row in rows]


ENDS = [
    # new end of the trial, end of the agreements that start with it
    (JAN + 5 * DAY, None),
    (JAN + 5 * DAY, TRIAL_END + 20 * DAY),
    (TRIAL_END + 7 * DAY, None),
    (TRIAL_END + 7 * DAY, TRIAL_END + 20 * DAY),
]


@pytest.mark.parametrize(("moves_to", "until"), ENDS)
def test_agreements_from_its_end_on_move_with_it(subscription, moves_to, until):
    add_override(subscription, "calls", "price", "0.7", starts_at=JAN, at=JAN)
    add_override(subscription, "calls", "price", "0.5", at=JAN + DAY, ends_at=until)
    add_commitment(subscription, "100", at=JAN, starts_at=TRIAL_END, ends_at=until)
    if moves_to < TRIAL_END:
        end_trial(subscription=subscription, at=moves_to)
    else:
        extend_trial(subscription=subscription, ends_at=moves_to, at=JAN + 5 * DAY)
    assert agreed_terms(subscription.overrides) == [
        (Decimal("0.7"), JAN, moves_to),
        (Decimal("0.5"), moves_to, until),
    ]
    assert agreed_terms(subscription.commitments) == [(100, moves_to, until)]


def test_an_agreement_shorter_than_the_extension_never_applies(subscription):
    add_override(subscription, "calls", "price", "0.5", at=JAN + DAY, ends_at=TRIAL_END + DAY)
    extend_trial(subscription=subscription, ends_at=TRIAL_END + 7 * DAY, at=JAN + 5 * DAY)
    assert agreed_terms(subscription.overrides) == []


def test_an_agreement_in_between_prevents_an_earlier_end(subscription):
    add_override(subscription, "calls", "price", "0.7", starts_at=JAN + 8 * DAY, at=JAN)
    add_override(subscription, "calls", "price", "0.5", at=JAN + DAY)
    with pytest.raises(TrialRefused, match="End them, then"):
        end_trial(subscription=subscription, at=JAN + 5 * DAY)
    assert periods_of(subscription) == [(True, JAN, TRIAL_END)]


def test_of_a_split_trial_the_last_part_moves(subscription):
    change_plan(subscription=subscription, version=trial_plan("team"), at=JAN + 3 * DAY)
    extend_trial(subscription=subscription, ends_at=TRIAL_END + DAY, at=JAN + 4 * DAY)
    end_trial(subscription=subscription, at=JAN + 5 * DAY)
    assert periods_of(subscription)[:2] == [(True, JAN, JAN + 3 * DAY), (True, JAN + 3 * DAY, JAN + 5 * DAY)]


REFUSALS = [
    # at         until            message
    (TRIAL_END, TRIAL_END + DAY, "no trial"),
    (JAN + DAY, TRIAL_END, "lasts until .* Choose a later time"),
    (JAN + DAY, JAN + 731 * DAY, "at most 730 days"),
]


@pytest.mark.parametrize(("at", "until", "message"), REFUSALS)
def test_an_invalid_extension_is_rejected(subscription, at, until, message):
    with pytest.raises(TrialRefused, match=message):
        extend_trial(subscription=subscription, ends_at=until, at=at)


def test_a_trial_does_not_outlast_its_subscription():
    subscription = subscribe(make_customer("acme"), trial_plan(), ends_at=TRIAL_END + DAY)
    with pytest.raises(TrialRefused, match="Choose an earlier time"):
        extend_trial(subscription=subscription, ends_at=TRIAL_END + 2 * DAY, at=JAN)


def test_a_subscription_without_a_trial_can_not_end_it():
    subscription = subscribe(make_customer("acme"), trial_plan(), trial_days=0)
    with pytest.raises(TrialRefused, match="no trial"):
        end_trial(subscription=subscription, at=JAN + DAY)


def test_a_future_trial_does_not_end_before_its_start():
    subscription = subscribe(make_customer("acme"), trial_plan(), starts_at=JAN + DAY, at=JAN)
    with pytest.raises(TrialRefused, match="starts at"):
        end_trial(subscription=subscription, at=JAN)


def test_a_canceled_trial_keeps_its_end(subscription):
    cancel(subscription=subscription, at=JAN + DAY)
    with pytest.raises(TrialRefused, match="no trial"):
        end_trial(subscription=subscription, at=JAN + 2 * DAY)


def test_a_trial_changes_to_a_new_version_at_its_end_at_the_earliest(subscription):
    version = make_plan("pro", fees=[fee("62")], anchor="anniversary")
    rollouts.publish_for(version=version, audience=Audience.ALL, by=None, at=JAN + DAY)
    rollouts.roll_out(at=JAN + DAY)
    to_come = subscription.changes.get()
    assert (to_come.state, to_come.moment) == ("pending", TRIAL_END)
    for refused in (
        lambda: end_trial(subscription=subscription, at=JAN + 2 * DAY),
        lambda: extend_trial(subscription=subscription, ends_at=TRIAL_END + DAY, at=JAN + 2 * DAY),
    ):
        with pytest.raises(TrialRefused, match="Revoke that change first"):
            refused()
    generate_periods(until=TRIAL_END + HOUR)
    close_due(at=TRIAL_END + HOUR)
    assert [line.amount.amount for line in Line.objects.all()] == [62]
    assert_clean("subscriptions", "usage", "invoices")


def test_a_rollout_within_a_trial_waits_for_its_end(subscription):
    version = make_plan("pro", fees=[fee("62")], anchor="anniversary")
    from_a_moment = {"effective_from": JAN + 5 * DAY, "splits_periods": True}
    rollouts.publish_for(version=version, audience=Audience.ALL, by=None, at=JAN + DAY, **from_a_moment)
    rollouts.roll_out(at=JAN + DAY)
    to_come = subscription.changes.get()
    assert (to_come.state, to_come.moment) == ("pending", TRIAL_END)
    assert to_come.problem == "It is in its trial at that time. It changes when its next period begins."
