"""An alert fires on a day with five times the usual usage, after a week of history, if the cost is high enough."""

from datetime import timedelta

import pytest

from tests.billing.limits.alerts.alert_setup import alerts, announced_facts, calls, evaluate, use
from tests.billing.limits.alerts.test_a_rule_applies_to_its_scope import set_rule
from tests.builders import JAN
from tests.clean_books import clean_after_test

clean_books = clean_after_test("limits", "access")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TODAY = JAN + 11 * DAY + 5 * HOUR


@pytest.fixture
def acme():
    return calls("1")


def usually(times=2, *, days=10):
    for day in range(11 - days, 11):
        use("call", times, at=JAN + day * DAY)


@pytest.mark.usefixtures("acme")
def test_a_day_of_five_times_the_usual_fires_and_recovers():
    usually()
    use("call", 10, at=TODAY)
    evaluate(TODAY + HOUR)
    [facts] = announced_facts()
    assert (facts["kind"], facts["feature"], facts["threshold"], facts["value"]) == ("anomaly", "calls", 5, "10")
    assert (facts["limit"], facts["remedy"]) == ("2", "review_usage")
    evaluate(TODAY + 2 * HOUR)
    use("call", 1, at=TODAY + 2 * DAY)
    evaluate(TODAY + 2 * DAY)
    assert alerts() == [("anomaly", 5, "recovered")]
    assert len(announced_facts("alert.recovered")) == 1


@pytest.mark.usefixtures("acme")
def test_it_fires_once_while_it_lasts():
    usually()
    use("call", 10, at=TODAY)
    evaluate(TODAY + HOUR)
    use("call", 50, at=TODAY + DAY)
    evaluate(TODAY + DAY + HOUR)
    assert alerts() == [("anomaly", 5, "open")]


NOT_TOLD = [
    # usually  for  today  why
    (2,        10,  9,     "less than five times"),
    (1,        10,  9,     "less than the least amount"),
    (2,        6,   50,    "too early to know"),
]  # fmt: skip


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(("times", "days", "today", "why"), NOT_TOLD)
def test_other_days_do_not_fire(times, days, today, why):
    usually(times, days=days)
    use("call", today, at=TODAY)
    evaluate(TODAY + HOUR)
    assert alerts() == [], why


def test_the_rule_sets_the_least_amount(acme):
    set_rule("anomaly", amount=100, customer=acme.customer)
    usually()
    use("call", 99, at=TODAY)
    evaluate(TODAY + HOUR)
    assert alerts() == []
    use("call", 1, at=TODAY)
    evaluate(TODAY + 2 * HOUR)
    assert alerts() == [("anomaly", 5, "open")]
