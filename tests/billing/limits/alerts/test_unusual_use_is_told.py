"""Five times a usual day is told, once a week has said what is usual, and where it costs enough."""

from datetime import timedelta

import pytest

from tests.billing.limits.alerts.test_a_rule_holds_for_its_scope import guard
from tests.billing.limits.alerts.world import alerts, calls, look, told, use
from tests.builders import JAN

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
def test_a_day_of_five_times_the_usual_is_told_and_recovers():
    usually()
    use("call", 10, at=TODAY)
    look(TODAY + HOUR)
    [one] = told()
    assert (one["kind"], one["feature"], one["threshold"], one["value"]) == ("anomaly", "calls", 5, "10")
    assert (one["limit"], one["remedy"]) == ("2", "review_usage")
    look(TODAY + 2 * HOUR)
    use("call", 1, at=TODAY + 2 * DAY)
    look(TODAY + 2 * DAY)
    assert alerts() == [("anomaly", 5, "recovered")]
    assert len(told("alert.recovered")) == 1


@pytest.mark.usefixtures("acme")
def test_it_is_told_once_while_it_goes_on():
    usually()
    use("call", 10, at=TODAY)
    look(TODAY + HOUR)
    use("call", 50, at=TODAY + DAY)
    look(TODAY + DAY + HOUR)
    assert alerts() == [("anomaly", 5, "open")]


NOT_TOLD = [
    # usually  for  today  why
    (2,        10,  9,     "less than five times"),
    (1,        10,  9,     "less than the least amount"),
    (2,        6,   50,    "too early to know"),
]  # fmt: skip


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(("times", "days", "today", "why"), NOT_TOLD)
def test_other_days_are_not_told(times, days, today, why):
    usually(times, days=days)
    use("call", today, at=TODAY)
    look(TODAY + HOUR)
    assert alerts() == [], why


def test_the_least_amount_is_the_rules_own(acme):
    guard("anomaly", amount=100, customer=acme.customer)
    usually()
    use("call", 99, at=TODAY)
    look(TODAY + HOUR)
    assert alerts() == []
    use("call", 1, at=TODAY)
    look(TODAY + 2 * HOUR)
    assert alerts() == [("anomaly", 5, "open")]
