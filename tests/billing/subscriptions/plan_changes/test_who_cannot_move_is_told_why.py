"""A subscription that cannot move gets a row that says why, and the others move."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models import ScheduledChange
from billing.subscriptions import cancel
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out
from plans.publishing.publication import PublishingRefused
from tests.builders import APR, FEB, JAN, make_customer, make_plan, offer, publish, rate, subscribe

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


def test_another_plan(pro):
    other = subscribe(make_customer(), publish(make("basic")))
    mine = subscribe(make_customer(), pro)
    assert to_cohort(make(), other, mine) == [
        ("refused", "It is on Basic v1, which is another plan."),
        ("pending", ""),
    ]


def test_a_currency_that_the_version_lacks(db):
    prices = {"USD": [rate("1")], "EUR": [rate("1")]}
    both = publish(make_plan("pro", offers=[offer("calls", prices=prices)]))
    subscription = subscribe(make_customer(currency="EUR"), both)
    assert to_cohort(make(), subscription) == [("refused", "Pro v2 has no prices in EUR.")]


def test_one_that_is_canceled_or_ends_before(pro):
    canceled, ending = subscribe(make_customer(), pro), subscribe(make_customer(), pro, ends_at=FEB)
    cancel(subscription=canceled, at=TENTH, ends_at=APR)
    assert to_cohort(make(), canceled, ending) == [
        ("refused", "It is canceled."),
        ("refused", "It ends before its next period."),
    ]


def test_a_feature_that_another_subscription_prices(pro):
    customer = make_customer()
    mine = subscribe(customer, pro)
    subscribe(customer, publish(make("storage", features=["storage"])), external_id="disk")
    version = make(features=["calls", "storage"])
    told = "storage is priced by the subscription disk from then on: end that one first."
    assert to_cohort(version, mine) == [("refused", told)]


def test_a_feature_that_another_one_of_the_cohort_gains_too(pro):
    customer = make_customer()
    mine = subscribe(customer, pro)
    named = subscribe(customer, pro, named=True)
    version = make(features=["calls", "storage"])
    assert to_cohort(version, mine, named) == [("pending", ""), ("pending", "")], "a named one is in nobody's way"


def test_it_is_told_once_and_not_tried_again(pro):
    customer = make_customer()
    subscribe(customer, pro)
    subscribe(customer, publish(make("storage", features=["storage"])))
    version = make(features=["calls", "storage"])
    publish_for(version=version, audience="all", by=None, at=TENTH, effective_from=FEB)
    assert (roll_out(at=TENTH), roll_out(at=TENTH + timedelta(hours=1))) == (1, 0)


def test_nobody_at_all_is_no_cohort(pro):
    with pytest.raises(PublishingRefused, match="No subscription is chosen"):
        to_cohort(make())


@pytest.mark.parametrize("count", [1, 6])
def test_a_chunk_takes_the_same_queries_whatever_its_size(pro, count, django_assert_num_queries):
    for _ in range(count):
        subscribe(make_customer(), pro, starts_at=JAN)
    publish_for(version=make(features=["calls", "storage"]), audience="all", by=None, at=TENTH, effective_from=FEB)
    with django_assert_num_queries(25):
        assert roll_out(at=TENTH) == count
