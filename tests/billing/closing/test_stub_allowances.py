"""The allowance of a period that begins within its interval is whole or prorated, as the feature says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.limits.check import check
from billing.subscriptions import pause, resume
from invoices.models import Line
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe, use
from tests.pricing.worked_numbers import rows

pytestmark = pytest.mark.django_db

D = Decimal
HOUR = timedelta(hours=2)
MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def calls(stub_allowance, by="day", **terms):
    offers = [offer("calls", included=100, rates=[rate("0.10")], stub_allowance=stub_allowance, **terms)]
    return publish(make_plan(offers=offers, proration=by, anchor="calendar"))


@pytest.mark.parametrize("row", rows("prorated-allowances", table=1), ids=lambda row: " ".join(row.values()))
def test_a_stub_has_the_documented_allowance(row):
    begins = datetime.fromisoformat(f"2026-{row['begins']}T00:00+00:00")
    subscription = subscribe(make_customer("acme"), calls(row["allowance"], row["by"]), starts_at=begins)
    use(subscription, "calls", 90, at=begins)
    close_due(at=MAY + HOUR)
    use(subscription, "calls", 90, at=MAY)
    close_due(at=JUNE + HOUR)
    for start, column in ((begins, "April"), (MAY, "May")):
        billed = sum(Line.objects.filter(kind="usage", service_start=start).values_list("amount", flat=True))
        assert billed == D(row[column]), row["why"]


def test_a_check_knows_the_prorated_hard_cap():
    begins = datetime(2026, 4, 16, tzinfo=UTC)
    subscribe(make_customer("acme"), calls("prorated", consumption="hard_cap"), starts_at=begins)
    arguments = {"customer": "acme", "feature": "calls", "sandbox": False}
    assert check(**arguments, quantity=D(50), at=begins).allowed
    assert not check(**arguments, quantity=D(51), at=begins).allowed
    assert check(**arguments, quantity=D(100), at=MAY).allowed


def test_a_period_after_a_long_pause_is_prorated_too():
    begins = datetime(2026, 4, 1, tzinfo=UTC)
    subscription = subscribe(make_customer("acme"), calls("prorated"), starts_at=begins)
    pause(subscription=subscription, at=begins + timedelta(days=5), reason="on leave")
    subscription.refresh_from_db()
    resume(subscription=subscription, at=MAY + timedelta(days=20))
    answer = check(customer="acme", feature="calls", quantity=D(1), sandbox=False, at=MAY + timedelta(days=21))
    assert answer.included == 36  # 11 of 31 days
