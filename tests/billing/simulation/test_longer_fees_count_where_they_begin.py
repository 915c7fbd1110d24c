"""Fees for several periods in a simulation: claimed before as they were, and due where an interval begins."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.models import Period
from billing.simulation import simulate
from billing.subscriptions import cancel, generate_periods
from plans.publishing.publication import new_version
from tests.builders import JAN, fee, make_customer, make_plan, offer, publish, rate, subscribe
from tests.simulation_law import differences

pytestmark = pytest.mark.django_db

MAY_11 = datetime(2026, 5, 11, tzinfo=UTC)
YEAR = datetime(2027, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def plan(code, *fees):
    return make_plan(code, fees=fees, offers=[offer("calls", rates=[rate("0.10")])])


def yearly(amount="730", **fields):
    return fee(amount, every=12, label="License", code="license", **fields)


def passed(moment):
    generate_periods(until=moment + HOUR)
    close_due(at=moment + HOUR)


def periods(subscription, last):
    regular = subscription.periods.filter(kind="regular", state="closed").order_by("-starts_at")
    return [one.pk for one in regular[:last]][::-1]


def totals(bills):
    return [bill.total for bill in bills]


@pytest.mark.parametrize("billed", ["advance", "arrears"])
def test_what_ended_in_mid_year_comes_to_what_was_invoiced(billed):
    version = publish(plan("pro", yearly(billed=billed), fee("90", label="Support", code="support", every=3)))
    subscription = subscribe(make_customer(), version)
    passed(JAN)
    passed(MAY_11)
    cancel(subscription=subscription, at=MAY_11 + HOUR, ends_at=MAY_11 + HOUR, give_back="credit")
    passed(MAY_11 + 2 * HOUR)
    copy = new_version(source=version, by=None, at=MAY_11)
    found = simulate(period_ids=periods(subscription, 2), versions=[None, copy], at=MAY_11 + 4 * HOUR)
    assert any(one.before.total for one in found)
    assert not [*differences(found), *differences(found, number=1)]


def test_a_dearer_one_gives_back_in_proportion():
    version = publish(plan("pro", yearly()))
    subscription = subscribe(make_customer(), version)
    passed(JAN)
    passed(MAY_11)
    cancel(subscription=subscription, at=MAY_11 + HOUR, ends_at=MAY_11 + HOUR, give_back="credit")
    passed(MAY_11 + 2 * HOUR)
    (found,) = simulate(period_ids=periods(subscription, 1), versions=[plan("pro", yearly("1460"))], at=YEAR)
    assert (2 * found.before.total).quantize(Decimal("0.1")) == found.after[0].total.quantize(Decimal("0.1")) < 0


def test_it_is_due_where_its_interval_begins_and_missed_where_that_is_not_looked_at():
    subscription = subscribe(make_customer(), publish(plan("monthly", fee("62", billed="arrears"))), starts_at=JAN)
    passed(YEAR)
    tried = plan("monthly", yearly())
    assert Period.objects.filter(state="closed").count() == 12
    whole = simulate(period_ids=periods(subscription, 12), versions=[tried], at=YEAR + HOUR)
    assert totals(one.after[0] for one in whole) == [*[Decimal(0)] * 11, Decimal(730)]
    assert not any(one.after[0].problems for one in whole)
    part = simulate(period_ids=periods(subscription, 12)[:3], versions=[tried], at=YEAR + HOUR)
    assert totals(one.after[0] for one in part) == [Decimal(0)] * 3
    assert part[-1].after[0].problems == ("The fee “License” is due once in 12 periods, of which 3 were looked at.",)


def test_in_arrears_it_is_for_as_long_as_there_were_periods():
    subscription = subscribe(make_customer(), publish(plan("monthly", fee("62"))), starts_at=MAY_11, at=MAY_11)
    passed(YEAR + timedelta(days=1))
    tried = plan("monthly", yearly(billed="arrears"))
    found = simulate(period_ids=periods(subscription, 2), versions=[tried], at=YEAR + timedelta(days=2))
    assert totals(one.after[0] for one in found)[-1] == Decimal("470.00")
