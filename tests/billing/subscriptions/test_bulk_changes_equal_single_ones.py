"""A bulk change writes the same as single changes would; subscriptions that need individual treatment are skipped."""

from datetime import timedelta

import pytest
from django.db import connection

from billing.models import Coverage, Period
from billing.subscriptions import change_plan, generate_periods, pause
from billing.subscriptions.plan_changes.bulk_plan_change import change_plans
from billing.subscriptions.plan_changes.schedule import schedule_change
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    fee,
    included,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
TENTH = JAN + timedelta(days=9)
OF_A_PERIOD = ("kind", "state", "starts_at", "ends_at", "due_at", "revision", "is_trial")


def calls(price, included):
    return offer("calls", included=included, rates=[rate(price)])


@pytest.fixture
def old():
    exports = offer(make_feature("exports", kind="boolean"))
    return publish(make_plan("old", fees=[fee("30")], offers=[calls("0.10", 5), exports], anchor="anniversary"))


@pytest.fixture
def new():
    seats = offer("seats", included=5, consumption="hard_cap")
    fields = {"credits": [included(30)], "anchor": "anniversary"}
    return publish(make_plan("new", fees=[fee("60")], offers=[calls("0.20", 2), seats], **fields))


@pytest.fixture
def mail():
    return publish(make_plan("mail", offers=[offer("mails", rates=[rate("0.01")])]))


def make_subscriptions(old, mail):
    """Subscribe customers that differ in every respect that matters to a change without obstacles."""
    plain = subscribe(make_customer(), old)
    far = subscribe(make_customer(time_zone="Pacific/Auckland"), old, JAN + 3 * HOUR)
    ending = subscribe(make_customer(), old, ends_at=JAN + timedelta(days=20))
    beside = subscribe(make_customer(), old)
    subscribe(beside.customer, mail)
    return [plain, far, ending, beside]


def stored_state(subscription):
    """Return everything that a change writes for a subscription, without primary keys."""
    periods = Period.objects.filter(subscription__customer=subscription.customer_id).order_by(
        "starts_at", "kind", "pk"
    )
    coverage = Coverage.objects.filter(subscription=subscription).order_by("feature__code")
    subscription.refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM billing_subscriptionevent WHERE pgh_obj_id = %s", [subscription.pk])
        history = cursor.fetchone()
        cursor.execute(
            "SELECT l.amount, l.remaining, l.valid_from, l.expires_at FROM wallets_lot l JOIN wallets_wallet w"
            " ON w.id = l.wallet_id WHERE w.customer_id = %s ORDER BY 3, 1",
            [subscription.customer_id],
        )
        lots = cursor.fetchall()
    return {
        "version": str(subscription.version),
        "periods": [
            [
                str(period.version),
                period.continues and period.continues.starts_at,
                *(getattr(period, name) for name in OF_A_PERIOD),
            ]
            for period in periods
        ],
        "coverage": [
            (coverage_row.feature.code, coverage_row.named, coverage_row.during.lower, coverage_row.during.upper)
            for coverage_row in coverage
        ],
        "history": history,
        "lots": lots,
    }


def test_a_bulk_change_writes_the_same_rows(old, new, mail):
    alone, together = make_subscriptions(old, mail), make_subscriptions(old, mail)
    generate_periods(until=TENTH)
    for subscription in alone:
        change_plan(subscription=subscription, version=new, at=TENTH)
    parts = change_plans(subscription_ids=[subscription.pk for subscription in together], version=new, at=TENTH)
    made = Period.objects.filter(starts_at=TENTH, subscription__in=together)
    assert parts == dict(made.values_list("subscription", "pk"))
    assert len(parts) == len(together)
    for subscription, other in zip(alone, together, strict=True):
        assert stored_state(subscription) == stored_state(other)


def test_periods_created_ahead_are_created_again(old, new):
    subscription = subscribe(make_customer(), old)
    at = FEB - HOUR
    generate_periods(until=FEB + HOUR)
    assert subscription.periods.filter(starts_at=FEB).exists()
    assert change_plans(subscription_ids=[subscription.pk], version=new, at=at)
    assert not subscription.periods.filter(starts_at=FEB).exclude(version=new).exists()


def left_out(subscription, version, at=TENTH):
    before = stored_state(subscription)
    assert change_plans(subscription_ids=[subscription.pk], version=version, at=at) == {}
    assert stored_state(subscription) == before
    return True


def test_a_subscription_already_on_the_version_is_skipped(new):
    assert left_out(subscribe(make_customer(), new), new)


def test_a_trial_is_skipped(old, new):
    trial = publish(make_plan("trial", offers=[calls("0.10", 5)], trial_days=20))
    assert left_out(subscribe(make_customer(), trial), new)


def test_an_upcoming_change_is_skipped(old, new):
    subscription = subscribe(make_customer(), old)
    schedule_change(subscription=subscription, version=new, at=JAN + HOUR)
    assert left_out(subscription, new)


def test_an_upcoming_pause_is_skipped(old, new):
    subscription = subscribe(make_customer(), old)
    pause(subscription=subscription, at=JAN + HOUR, at_period_end=True)
    assert left_out(subscription, new)


def test_usage_after_the_time_of_the_change_is_skipped(old, new):
    subscription = subscribe(make_customer("acme"), old)
    ahead = (TENTH + timedelta(minutes=4)).isoformat()
    send({"id": "1", "customer": "acme", "event": "calls", "timestamp": ahead}, at=TENTH)
    assert left_out(subscription, new)


def test_earlier_usage_in_the_same_hour_is_no_obstacle(old, new):
    subscription = subscribe(make_customer("acme"), old)
    at = TENTH + timedelta(minutes=30)
    before = (at - timedelta(minutes=1)).isoformat()
    send({"id": "1", "customer": "acme", "event": "calls", "timestamp": before}, at=at)
    assert change_plans(subscription_ids=[subscription.pk], version=new, at=at)


def test_a_feature_of_another_subscription_is_skipped(old, new):
    subscription = subscribe(make_customer(), old)
    subscribe(
        subscription.customer,
        publish(make_plan("seats", offers=[offer("seats", included=1, consumption="hard_cap")])),
    )
    assert left_out(subscription, new)


def test_a_level_is_skipped(old):
    make_meter("gigabytes", aggregation="max", value_property="size")
    level = publish(make_plan("level", offers=[offer("gigabytes", rates=[rate("1")])], anchor="anniversary"))
    assert left_out(subscribe(make_customer(), old), level)


def test_a_missing_currency_is_skipped(new):
    in_euro = offer("calls", prices={"EUR": [rate("0.10")]})
    euro = publish(make_plan("euro", offers=[in_euro], anchor="anniversary"))
    assert left_out(subscribe(make_customer(), euro, currency="EUR"), new)


def test_the_query_count_does_not_grow_with_the_subscriptions(old, new, django_assert_max_num_queries):
    few = [subscribe(make_customer(), old) for _ in range(2)]
    many = [subscribe(make_customer(), old) for _ in range(9)]
    with django_assert_max_num_queries(60) as first:
        change_plans(subscription_ids=[subscription.pk for subscription in few], version=new, at=TENTH)
    with django_assert_max_num_queries(len(first)):
        change_plans(subscription_ids=[subscription.pk for subscription in many], version=new, at=TENTH)
