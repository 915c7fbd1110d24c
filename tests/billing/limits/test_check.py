"""Usage checks: up to the included units of a hard cap, and without a limit otherwise."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from billing.limits.check import CAP_REACHED, NOT_COVERED, UnknownCustomer, UnknownFeature, check
from billing.subscriptions import cancel
from tests.builders import FEB, JAN, make_customer, make_feature, make_plan, offer, publish, rate, subscribe, use

pytestmark = pytest.mark.django_db

NOW = JAN + timedelta(days=10)


@pytest.fixture
def subscription():
    offers = [
        offer("messages", included=500, consumption="hard_cap"),
        offer("prompts", included=200, rates=[rate("0.05")]),
    ]
    return subscribe(make_customer("acme"), publish(make_plan(offers=offers)))


def check_usage(feature="messages", quantity=1, *, customer="acme", at=NOW, sandbox=False, subscription=""):
    return check(
        customer=customer,
        feature=feature,
        quantity=Decimal(quantity),
        sandbox=sandbox,
        at=at,
        subscription=subscription,
    )


CAP = [
    # used  quantity  allowed  remaining
    (0, 1, True, 500),
    (0, 500, True, 500),
    (0, 501, False, 500),
    (499, 1, True, 1),
    (499, 2, False, 1),
    (500, 1, False, 0),
    (500, 0, False, 0),
    (499, 0, True, 1),
    (620, 1, False, 0),
]


@pytest.mark.parametrize(("used", "quantity", "allowed", "remaining"), CAP)
def test_a_hard_cap_admits_the_remaining_units(subscription, used, quantity, allowed, remaining):
    use(subscription, "messages", used)

    answer = check_usage(quantity=quantity)

    assert (answer.allowed, answer.remaining) == (allowed, remaining)
    assert answer.reason == ("" if allowed else CAP_REACHED)
    assert (answer.used, answer.included, answer.resets_at) == (used, 500, FEB)


def test_a_hard_cap_resets_with_the_next_period(subscription):
    use(subscription, "messages", 500)

    assert not check_usage().allowed
    assert check_usage(at=FEB).allowed


def test_overage_is_never_refused(subscription):
    use(subscription, "prompts", 100_000)

    answer = check_usage("prompts", 1_000_000)

    assert answer.allowed
    assert answer.remaining == 0


def test_a_feature_outside_the_plan_is_not_covered(subscription):
    make_feature("images")

    answer = check_usage("images")

    assert (answer.allowed, answer.reason) == (False, NOT_COVERED)


def test_a_canceled_subscription_covers_nothing_from_its_end_on(subscription):
    cancel(subscription=subscription, at=NOW, ends_at=NOW)

    assert check_usage(at=NOW - timedelta(seconds=1)).allowed
    assert check_usage().reason == NOT_COVERED


def test_a_boolean_feature_is_allowed_where_the_plan_has_it():
    sso = make_feature("sso", kind="boolean")
    subscribe(make_customer("acme"), publish(make_plan(offers=[offer(sso), offer("calls", rates=[rate("1")])])))

    assert check_usage("sso").allowed


def test_a_check_of_a_named_subscription_covers_only_that_one(subscription):
    offers = [offer("messages", included=5, consumption="hard_cap")]
    named = subscribe(subscription.customer, publish(make_plan(offers=offers)), named=True, external_id="workspace-2")
    use(named, "messages", 5)

    assert check_usage().remaining == 500
    assert check_usage(subscription="workspace-2").remaining == 0


def test_unknown_customers_and_features_have_their_own_errors(subscription):
    with pytest.raises(UnknownCustomer):
        check_usage(customer="nobody")
    with pytest.raises(UnknownFeature):
        check_usage("nothing")
    with pytest.raises(UnknownCustomer):
        check_usage(sandbox=True)


def test_its_statement_is_planned_once_for_a_connection(subscription):
    for _ in range(3):
        check_usage()

    with connection.cursor() as cursor:
        cursor.execute("SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE %s", ["%coverage%"])
        ((reused_plans,),) = cursor.fetchall()
    assert reused_plans >= 3
