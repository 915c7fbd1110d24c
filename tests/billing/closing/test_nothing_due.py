"""An invoice over zero is issued or skipped, as the seller chooses; the period is closed either way."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.models import BilledUsage, Period
from invoices.models import Invoice, NumberSeries
from tests.builders import JAN, fee, make_customer, make_plan, make_seller, offer, publish, rate, subscribe, use

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 1, 1, tzinfo=UTC)


def close_a_month(policy: str, *, used: int) -> Period:
    seller = make_seller(policy, zero_invoices=policy)
    version = publish(make_plan(offers=[offer("api.calls", included=200, rates=[rate("0.05")])]))
    subscription = subscribe(make_customer(seller=seller), version)
    if used:
        use(subscription, "api.calls", used)
    close_due(at=AT)
    return subscription.periods.get(starts_at=JAN)


@pytest.mark.parametrize("used", [0, 200])
def test_a_skipped_invoice_is_not_stored_and_uses_no_number(used: int):
    period = close_a_month("skip", used=used)
    assert (period.state, period.invoice_id, period.closed_at) == ("closed", None, AT)
    assert not Invoice.objects.exists()
    assert not NumberSeries.objects.filter(last_number__gt=0).exists()
    assert not BilledUsage.objects.exists()


@pytest.mark.parametrize("used", [0, 200])
def test_an_issued_zero_invoice_lists_its_usage(used: int):
    period = close_a_month("issue", used=used)
    line = period.invoice.lines.get()
    assert (line.quantity, line.amount.amount, period.invoice.total.amount) == (used, Decimal(0), Decimal(0))


def test_a_version_without_recurring_charges_gets_no_empty_invoice():
    seller = make_seller("issues", zero_invoices="issue")
    version = publish(make_plan(fees=[fee("10", kind="one_time")]))
    subscription = subscribe(make_customer(seller=seller), version)
    close_due(at=AT)
    assert subscription.periods.get(kind="opening").invoice is not None
    assert subscription.periods.get(kind="regular", starts_at=JAN).invoice is None


def test_a_fee_of_zero_alone_is_nothing_due():
    subscribe(make_customer(), publish(make_plan(fees=[fee("0", billed="arrears")])))
    assert close_due(at=AT).skipped == 1
