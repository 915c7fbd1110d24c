"""A subscription that can't change gets a row with the reason, and the others change."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models import ScheduledChange
from billing.subscriptions import cancel
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out
from plans.publishing.publication import PublishingRefused
from tests.builders import APR, FEB, JAN, make_customer, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test

clean_books = clean_after_test("subscriptions", "access")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

TENTH = datetime(2026, 1, 10, tzinfo=UTC)


def make(plan="pro", *, features=("calls",), **fields):
    offers = [offer(code, rates=[rate("1")], **fields) for code in features]
    return make_plan(plan, offers=offers)


def to_cohort(version, *subscriptions):
    ids = [subscription.pk for subscription in subscriptions]
    publish_for(version=version, audience="cohort", by=None, at=TENTH, effective_from=FEB, subscription_ids=ids)
    rows = ScheduledChange.objects.order_by("subscription").values_list("state", "problem")
    return list(rows)


@pytest.fixture
def pro(db):
    return publish(make())


def test_a_subscription_to_another_plan_is_refused(pro):
    other = subscribe(make_customer(), publish(make("basic")))
    subscription = subscribe(make_customer(), pro)
    assert to_cohort(make(), other, subscription) == [
        ("refused", "It is on Basic v1, a different plan."),
        ("pending", ""),
    ]


def test_a_subscription_in_a_missing_currency_is_refused(db):
    prices = {"USD": [rate("1")], "EUR": [rate("1")]}
    both = publish(make_plan("pro", offers=[offer("calls", prices=prices)]))
    subscription = subscribe(make_customer(currency="EUR"), both)
    assert to_cohort(make(), subscription) == [("refused", "Pro v2 has no prices in EUR.")]


def test_a_canceled_or_ending_subscription_is_refused(pro):
    canceled, ending = subscribe(make_customer(), pro), subscribe(make_customer(), pro, ends_at=FEB)
    cancel(subscription=canceled, at=TENTH, ends_at=APR)
    assert to_cohort(make(), canceled, ending) == [
        ("refused", "It is canceled."),
        ("refused", "It ends before its next period."),
    ]


def test_a_feature_priced_by_another_subscription_is_refused(pro):
    customer = make_customer()
    subscription = subscribe(customer, pro)
    subscribe(customer, publish(make("storage", features=["storage"])), external_id="disk")
    version = make(features=["calls", "storage"])
    problem = "storage is included in the subscription disk from then on. End that one first."
    assert to_cohort(version, subscription) == [("refused", problem)]


def test_a_feature_added_to_a_named_subscription_of_the_cohort_is_accepted(pro):
    customer = make_customer()
    subscription = subscribe(customer, pro)
    named = subscribe(customer, pro, named=True)
    version = make(features=["calls", "storage"])
    assert to_cohort(version, subscription, named) == [("pending", ""), ("pending", "")], (
        "a named one is in nobody's way"
    )


def test_a_refusal_is_recorded_once_and_not_retried(pro):
    customer = make_customer()
    subscribe(customer, pro)
    subscribe(customer, publish(make("storage", features=["storage"])))
    version = make(features=["calls", "storage"])
    publish_for(version=version, audience="all", by=None, at=TENTH, effective_from=FEB)
    assert (roll_out(at=TENTH), roll_out(at=TENTH + timedelta(hours=1))) == (1, 0)


def test_an_empty_cohort_is_rejected(pro):
    with pytest.raises(PublishingRefused, match="No subscription is selected"):
        to_cohort(make())


@pytest.mark.parametrize("count", [1, 6])
def test_a_chunk_takes_the_same_queries_whatever_its_size(pro, count, django_assert_num_queries):
    for _ in range(count):
        subscribe(make_customer(), pro, starts_at=JAN)
    publish_for(version=make(features=["calls", "storage"]), audience="all", by=None, at=TENTH, effective_from=FEB)
    with django_assert_num_queries(25):
        assert roll_out(at=TENTH) == count
