"""A preview equals the invoice that closing issues, line by line and to the cent."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from billing.closing import NothingToBill, close_due, preview
from billing.models import Period, Subscription
from billing.subscriptions import generate_periods
from invoices.documents.drafts import Draft
from invoices.models import Invoice
from tests.builders import (
    FEB,
    JAN,
    MAR,
    fee,
    make_customer,
    make_plan,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    tier,
    use,
)

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 1, 1, tzinfo=UTC)


@pytest.fixture
def subscription() -> Subscription:
    make_tax("19")
    fees = [fee("19.99"), fee("5", billed="arrears", label="Support"), fee("100", kind="one_time")]
    offers = [
        offer("api.calls", included=200, rates=[rate("0.05")]),
        offer("tokens", rates=[rate(tiers=[tier(10, "1.005"), tier(None, "0.333")])]),
    ]
    return subscribe(make_customer(), publish(make_plan(fees=fees, offers=offers)), starts_at=JAN + timedelta(days=9))


def of_draft(draft: Draft) -> list:
    lines = [
        (
            line.kind,
            line.description,
            line.quantity,
            line.amount,
            line.taxes[0].rate,
            line.service_start,
            line.service_end,
        )
        for line in draft.lines
    ]
    explained = [msgspec.json.decode(line.explanation) for line in draft.lines]
    totals = draft.totals
    return [lines, explained, totals.net, totals.tax, totals.total, draft.period_start, draft.period_end]


def of_invoice(invoice: Invoice) -> list:
    lines = invoice.lines.order_by("position")
    line_facts = [
        (
            line.kind,
            line.description,
            line.quantity,
            line.amount.amount,
            line.tax_rate,
            line.service_start,
            line.service_end,
        )
        for line in lines
    ]
    explained = [line.explanation for line in lines]
    amounts = [invoice.net.amount, invoice.tax.amount, invoice.total.amount]
    return [line_facts, explained, *amounts, invoice.period_start, invoice.period_end]


def check(period: Period, at: datetime) -> None:
    expected = of_draft(preview(at=at, period=period))
    close_due(at=at)
    assert of_invoice(Invoice.objects.get(reference=f"period:{period.pk}")) == expected


def test_the_preview_of_the_opening_period_equals_its_invoice(subscription: Subscription):
    check(subscription.periods.get(kind="opening"), subscription.starts_at)


def test_the_preview_of_a_stub_without_a_next_period_equals_its_invoice(subscription: Subscription):
    use(subscription, "api.calls", 777)
    use(subscription, "tokens", "12.5")
    check(subscription.periods.get(kind="regular"), AT)


def test_the_preview_of_a_period_with_late_usage_equals_its_invoice(subscription: Subscription):
    use(subscription, "tokens", 9)
    close_due(at=AT)
    use(subscription, "tokens", 3, at=subscription.starts_at)
    use(subscription, "api.calls", 1, at=FEB)
    check(subscription.periods.get(starts_at=FEB), MAR + timedelta(hours=1))
    assert Invoice.objects.latest("id").lines.filter(kind="late_usage").count() == 1


def test_a_preview_writes_nothing_and_shows_usage_so_far(subscription: Subscription):
    use(subscription, "api.calls", 300)
    during = subscription.starts_at + timedelta(days=1)
    draft = preview(at=during, subscription=subscription)
    assert [line.amount for line in draft.lines if line.kind == "usage"] == [5]
    assert not Invoice.objects.exists()
    use(subscription, "api.calls", 300)
    assert preview(at=during, subscription=subscription).totals.net > draft.totals.net


def test_late_usage_is_only_in_the_preview_of_the_invoice_that_will_bill_it(subscription: Subscription):
    """
    During the grace period two periods are open; late usage of January is billed with February, which closes first.
    """
    use(subscription, "tokens", 9)
    close_due(at=AT)
    use(subscription, "tokens", 3, at=subscription.starts_at)
    soon_after = MAR + timedelta(minutes=5)
    generate_periods(until=soon_after)
    february, march = (subscription.periods.get(starts_at=start) for start in (FEB, MAR))
    kinds = [{line.kind for line in preview(at=soon_after, period=period).lines} for period in (february, march)]
    assert ["late_usage" in kind for kind in kinds] == [True, False]


def test_a_closed_period_has_no_preview(subscription: Subscription):
    close_due(at=AT)
    with pytest.raises(NothingToBill, match="Everything is billed"):
        preview(at=AT, period=subscription.periods.get(kind="opening"))
