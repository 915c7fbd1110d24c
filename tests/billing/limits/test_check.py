"""May this customer do this? Up to what a hard cap includes, whatever else without limit."""

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


def ask(feature="messages", quantity=1, *, customer="acme", at=NOW, sandbox=False, subscription=""):
    return check(
        customer=customer,
        feature=feature,
        quantity=Decimal(quantity),
        sandbox=sandbox,
        at=at,
        subscription=subscription,
    )


CAP = [
    # used  asked  allowed  remaining
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


@pytest.mark.parametrize(("used", "asked", "allowed", "remaining"), CAP)
def test_a_hard_cap_admits_what_is_left(subscription, used, asked, allowed, remaining):
    use(subscription, "messages", used)

    answer = ask(quantity=asked)

    assert (answer.allowed, answer.remaining) == (allowed, remaining)
    assert answer.reason == ("" if allowed else CAP_REACHED)
    assert (answer.used, answer.included, answer.resets_at) == (used, 500, FEB)


def test_a_hard_cap_opens_again_with_the_next_period(subscription):
    use(subscription, "messages", 500)

    assert not ask().allowed
    assert ask(at=FEB).allowed


def test_overage_is_never_refused(subscription):
    use(subscription, "prompts", 100_000)

    answer = ask("prompts", 1_000_000)

    assert answer.allowed
    assert answer.remaining is None


def test_a_feature_outside_the_plan_is_not_covered(subscription):
    make_feature("images")

    answer = ask("images")

    assert (answer.allowed, answer.reason) == (False, NOT_COVERED)


def test_a_canceled_subscription_covers_nothing_from_its_end_on(subscription):
    cancel(subscription=subscription, at=NOW, ends_at=NOW)

    assert ask(at=NOW - timedelta(seconds=1)).allowed
    assert ask().reason == NOT_COVERED


def test_a_boolean_feature_is_allowed_where_the_plan_has_it():
    sso = make_feature("sso", kind="boolean")
    subscribe(make_customer("acme"), publish(make_plan(offers=[offer(sso), offer("calls", rates=[rate("1")])])))

    assert ask("sso").allowed


def test_a_named_subscription_answers_for_itself_only(subscription):
    offers = [offer("messages", included=5, consumption="hard_cap")]
    named = subscribe(subscription.customer, publish(make_plan(offers=offers)), named=True, external_id="workspace-2")
    use(named, "messages", 5)

    assert ask().remaining == 500
    assert ask(subscription="workspace-2").remaining == 0


def test_who_or_what_is_unknown_is_told_apart(subscription):
    with pytest.raises(UnknownCustomer):
        ask(customer="nobody")
    with pytest.raises(UnknownFeature):
        ask("nothing")
    with pytest.raises(UnknownCustomer):
        ask(sandbox=True)


def test_its_statement_is_planned_once_for_a_connection(subscription):
    for _ in range(3):
        ask()

    with connection.cursor() as cursor:
        cursor.execute("SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE %s", ["%coverage%"])
        ((plans_used_again,),) = cursor.fetchall()
    assert plans_used_again >= 3
