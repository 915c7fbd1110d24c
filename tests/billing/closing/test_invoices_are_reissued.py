"""
Late usage of sellers with the reissue policy: a credit note over the whole invoice and a new invoice, both or
neither.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from billing.closing import bill_late_usage, close_due
from billing.closing.late_usage import reissue
from billing.models import Period, Subscription
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice
from invoices.payments.manual_payments import record_payment
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    assert_invoices_clean,
    fee,
    make_customer,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    tier,
    use,
)
from tests.races import Pause, start, together, wait_until_blocked

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
SOON = FEB + timedelta(days=2)
LADDER = [rate(tiers=[tier(100, "1"), tier(None, "0.50")])]


def subscription_to(*offers: dict[str, Any], fees: list | None = None, **seller: Any) -> Subscription:
    seller = make_seller("again", **{"late_usage": "reissue", **seller})
    fees = [fee("20", billed="arrears")] if fees is None else fees
    offers = offers or (offer("api.calls", rates=LADDER),)
    return subscribe(make_customer("acme", seller=seller, city="Bonn"), publish(make_plan(fees=fees, offers=offers)))


def late(subscription: Subscription, quantity: int, *, since: datetime = FEB + HOUR) -> None:
    use(subscription, "api.calls", quantity)
    Period.objects.filter(starts_at=JAN).update(late_since=since)


@pytest.fixture
def billed() -> Subscription:
    """Bill January with 90 calls: 110.00 with the fee."""
    subscription = subscription_to()
    use(subscription, "api.calls", 90)
    close_due(at=FEB + HOUR)
    return subscription


def issued_invoices() -> list[tuple[str, str, Decimal]]:
    return [(invoice.number, invoice.state, invoice.total.amount) for invoice in Invoice.objects.order_by("id")]


def test_the_whole_invoice_is_credited_and_reissued(billed: Subscription):
    late(billed, 20)
    done = bill_late_usage(at=SOON)
    assert (done.issued, done.credited, done.late_billed) == (1, 1, 1)
    assert issued_invoices() == [
        ("INV-000001", "void", 110),
        ("CN-000001", "issued", 110),
        ("INV-000002", "issued", 125),
    ]
    first, note, new = Invoice.objects.order_by("id")
    period = Period.objects.get(starts_at=JAN)
    assert (note.corrects, new.corrects, period.invoice, period.late_since) == (first, first, new, None)
    assert new.reference == f"period:{period.pk}:reissue:1"
    assert [(line.kind, line.amount.amount) for line in new.lines.order_by("position")] == [
        ("fee", 20),
        ("usage", 105),
    ]
    assert (new.period_start, new.period_end) == (JAN, FEB)
    assert_invoices_clean()


def test_an_invoice_is_reissued_once_per_grace_period(billed: Subscription):
    late(billed, 20)
    bill_late_usage(at=SOON)
    late(billed, 10, since=SOON)
    assert bill_late_usage(at=SOON + HOUR - timedelta(seconds=1)).issued == 0, (
        "what comes in the grace is taken together"
    )
    late(billed, -30, since=SOON)
    assert bill_late_usage(at=SOON + HOUR).issued == 1
    assert bill_late_usage(at=SOON + 2 * HOUR).issued == 0
    assert [invoice_row[0] for invoice_row in issued_invoices()] == [
        "INV-000001",
        "CN-000001",
        "INV-000002",
        "CN-000002",
        "INV-000003",
    ]
    last = Invoice.objects.latest("id")
    assert (last.total.amount, last.reference.rpartition(":")[2]) == (110, "2")
    assert_invoices_clean()


def test_usage_that_nets_to_zero_leaves_an_invoice_without_it():
    subscription = subscription_to(offer("api.calls", rates=[rate("0.05")]), fees=[])
    use(subscription, "api.calls", 100)
    close_due(at=FEB + HOUR)
    late(subscription, -100)
    assert bill_late_usage(at=SOON).issued == 1
    assert issued_invoices()[1:] == [("CN-000001", "issued", 5), ("INV-000002", "issued", 0)]
    assert_invoices_clean()


def test_late_usage_without_a_change_of_amount_reissues_nothing(billed: Subscription):
    late(billed, 0)
    done = bill_late_usage(at=SOON)
    assert (done.issued, done.credited, done.late_billed) == (0, 0, 1)
    assert Period.objects.get(starts_at=JAN).late_since is None


def test_both_parties_and_the_tax_are_copied_from_the_replaced_invoice():
    make_tax("19", seller=make_seller("again", late_usage="reissue"), country="DE", valid_to=MAR.date())
    make_tax("21", seller=make_seller("again"), country="DE", valid_from=MAR.date())
    subscription = subscription_to()
    customer = subscription.customer
    customer.country = "DE"
    customer.save()
    use(subscription, "api.calls", 90)
    close_due(at=FEB + HOUR)
    customer.country, customer.city = "US", "Boston"
    customer.save()
    late(subscription, 20)
    bill_late_usage(at=APR)
    first, note, new = Invoice.objects.order_by("id")
    assert new.buyer_facts == note.buyer_facts == first.buyer_facts
    assert [(tax.rate, tax.amount.amount) for tax in new.taxes.all()] == [(19, Decimal("23.75"))]
    assert_invoices_clean()


def test_a_paid_invoice_is_reissued_and_its_payment_credited(billed: Subscription):
    (first,) = Invoice.objects.all()
    record_payment(invoice_id=first.pk, amount=first.due, method="manual", reference="bank", at=SOON)
    late(billed, 20)
    bill_late_usage(at=SOON)
    assert [invoice_row[1] for invoice_row in issued_invoices()] == ["paid", "issued", "issued"]
    assert Invoice.objects.get(kind="credit_note").credit_to == "balance"


class TestInvoicesThatCanNotBeReissued:
    """The late usage is billed on the next invoice."""

    def test_after_a_partial_credit_by_hand(self, billed: Subscription):
        credit_request = {
            "lines": [RequestedCredit(1, Decimal(5))],
            "reason": "Goodwill",
            "to": "balance",
            "at": SOON,
        }
        issue_credit_note(invoice_id=Invoice.objects.get().pk, **credit_request)
        late(billed, 20)
        assert bill_late_usage(at=SOON).issued == 0
        close_due(at=MAR + HOUR)
        assert issued_invoices()[-1] == ("INV-000002", "issued", 35)
        assert_invoices_clean()

    def test_without_an_invoice(self):
        subscription = subscription_to(offer("api.calls", included=10, rates=LADDER), fees=[])
        use(subscription, "api.calls", 10)
        assert close_due(at=FEB + HOUR).skipped == 1
        late(subscription, 20)
        assert bill_late_usage(at=SOON).issued == 0
        close_due(at=MAR + HOUR)
        assert issued_invoices() == [("INV-000001", "issued", 20)]
        assert_invoices_clean()

    def test_where_another_invoice_bills_part_of_the_period(self, billed: Subscription):
        seller = make_seller("again")
        seller.late_usage = "next_invoice"
        seller.save()
        late(billed, 20)
        close_due(at=MAR + HOUR)
        seller.late_usage = "reissue"
        seller.save()
        late(billed, 20, since=MAR)
        assert bill_late_usage(at=MAR + 2 * HOUR).issued == 0
        close_due(at=APR + HOUR)
        assert [invoice_row[2] for invoice_row in issued_invoices()] == [110, 35, 30]
        assert_invoices_clean()


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_workers_reissue_an_invoice_once(self, billed: Subscription):
        late(billed, 20)
        results = together(lambda: bill_late_usage(at=SOON), lambda: bill_late_usage(at=SOON))
        assert sum(result.issued for result in results) == 1
        assert [invoice_row[0] for invoice_row in issued_invoices()] == ["INV-000001", "CN-000001", "INV-000002"]
        assert_invoices_clean()

    def test_usage_waits_for_the_reissue_and_is_late_again(
        self, billed: Subscription, monkeypatch: pytest.MonkeyPatch
    ):
        late(billed, 20)
        pause = Pause.before(monkeypatch, reissue, "write_invoice_rows")
        worker = start(lambda: bill_late_usage(at=SOON))
        pause.await_arrival()
        usage = start(lambda: use(billed, "api.calls", 10))
        wait_until_blocked()
        pause.release()
        assert worker.result().issued == 1
        usage.result()
        assert Invoice.objects.latest("id").total.amount == 125
        assert Period.objects.get(starts_at=JAN).late_since is not None
        assert_invoices_clean()

    def test_a_credit_by_hand_waits_for_the_reissue_and_finds_nothing_creditable(
        self, billed: Subscription, monkeypatch: pytest.MonkeyPatch
    ):
        late(billed, 20)
        first = Invoice.objects.get().pk
        pause = Pause.before(monkeypatch, reissue, "write_invoice_rows")
        worker = start(lambda: bill_late_usage(at=SOON))
        pause.await_arrival()
        by_hand = start(lambda: issue_credit_note(invoice_id=first, lines=None, reason="x", to="offset", at=SOON))
        wait_until_blocked()
        pause.release()
        assert worker.result().issued == 1
        with pytest.raises(Exception, match="is fully credited"):
            by_hand.result()
        assert_invoices_clean()

    def test_a_failure_stores_neither_the_credit_note_nor_the_invoice(
        self, billed: Subscription, monkeypatch: pytest.MonkeyPatch
    ):
        late(billed, 20)

        def fail(*args: Any, **kwargs: Any) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")

        monkeypatch.setattr(reissue, "issue", fail)
        (failure,) = bill_late_usage(at=SOON).failed
        assert "division by zero" in failure.error
        assert issued_invoices() == [("INV-000001", "issued", 110)]
        monkeypatch.undo()
        assert bill_late_usage(at=SOON + timedelta(days=1)).issued == 1
