"""Two workers at once, and a worker that is killed after the target accepted a record: each record is there once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.models import SyncRecord
from billing.revenue.adapters.change_search import queue_changes
from billing.revenue.adapters.push_run import push_due
from customers.models import Customer
from invoices.models import Invoice
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from tests.billing.revenue.adapters.fake_targets import Trouble
from tests.billing.revenue.adapters.target_builders import hubspot_target, sync_until_done, xero_target
from tests.builders import JAN, fee, make_customer, make_plan, make_seller, publish, subscribe
from tests.killed_processes import kill_at
from tests.races import together

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
commits = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def make_subscriptions(count: int) -> None:
    version = publish(make_plan("plan", fees=[fee("10")]))
    for number in range(count):
        subscribe(make_customer(f"customer-{number}"), version, at=JAN)


def issue_invoices(count: int) -> set[str]:
    customer = make_customer("acme")
    return {issue_invoice(customer, number).number for number in range(1, count + 1)}


def issue_invoice(customer: Customer, amount: int) -> Invoice:
    request = OneOffRequest([OneOffLine("Work", Decimal(amount), AT.date(), AT.date())], net_days=14)
    return issue_draft(invoice_id=draft_invoice(customer=customer, request=request, at=AT).pk, at=AT)


class TestTwoWorkers:
    pytestmark = commits

    def test_search_for_the_same_rows_and_queue_each_once(self, hubspot):
        make_subscriptions(8)
        hubspot_target(hubspot)
        together(*[lambda: queue_changes(at=AT)] * 2)
        queue_changes(at=AT)
        assert SyncRecord.objects.count() == 16

    def test_send_each_company_and_deal_once(self, hubspot):
        make_subscriptions(8)
        hubspot_target(hubspot)
        queue_changes(at=AT)
        hubspot.rule = lambda method, path, place: Trouble(delay=0.01)
        together(*[lambda: push_due(at=AT)] * 2)
        hubspot.rule = None
        sync_until_done(AT + timedelta(hours=1))
        assert (len(hubspot.named("companies")), len(hubspot.named("deals"))) == (8, 8)
        assert [method for method, _ in hubspot.requests].count("POST") == 16

    def test_send_each_invoice_once(self, xero):
        numbers = issue_invoices(12)
        xero_target(xero)
        queue_changes(at=AT)
        xero.rule = lambda method, path, place: Trouble(delay=0.01)
        first, second = together(*[lambda: push_due(at=AT)] * 2)
        assert first.synced + second.synced == 12
        assert min(first.synced, second.synced) > 0
        assert set(xero.numbered()) == numbers
        assert len(xero.keys) == len(set(xero.keys)) == 12


def kill_after_sending(tmp_path) -> None:
    """Push in another process, and kill it after the target accepted the first record."""
    kill_at("adapters.sent", lambda: push_due(at=AT), tmp_path)


class TestAKilledWorker:
    pytestmark = commits

    def test_leaves_a_company_that_is_found_again(self, hubspot, tmp_path):
        make_subscriptions(3)
        hubspot_target(hubspot)
        queue_changes(at=AT)
        kill_after_sending(tmp_path)
        assert len(hubspot.named("companies")) == 1
        assert not SyncRecord.objects.filter(state="synced").exists()
        assert push_due(at=AT + timedelta(seconds=179)).synced == 4, "the third company is leased for 180 s"
        sync_until_done(AT + timedelta(seconds=181))
        assert (len(hubspot.named("companies")), len(hubspot.named("deals"))) == (3, 3)
        assert [method for method, _ in hubspot.requests].count("POST") == 6

    def test_leaves_an_invoice_that_is_found_again(self, xero, tmp_path):
        numbers = issue_invoices(3)
        xero_target(xero)
        queue_changes(at=AT)
        kill_after_sending(tmp_path)
        assert len(xero.numbered()) == 1
        sync_until_done(AT + timedelta(seconds=181))
        assert set(xero.numbered()) == numbers


@pytest.mark.django_db
class TestARowThatLeftTheTarget:
    """Between the search and the push, its seller or the target's start date changed."""

    def test_is_not_sent_if_the_start_date_moved(self, xero):
        issue_invoices(1)
        target = xero_target(xero)
        queue_changes(at=AT)
        target.since = date(2026, 2, 1)
        target.save()
        push_due(at=AT)
        assert xero.invoices == {}
        assert SyncRecord.objects.get().log[-1]["text"] == "nothing to send: the row is not of this target"

    def test_is_sent_once_the_start_date_moves_back(self, xero):
        numbers = issue_invoices(1)
        target = xero_target(xero)
        queue_changes(at=AT)
        for since in (date(2026, 2, 1), None):
            target.since = since
            target.save()
            sync_until_done(AT)
        assert set(xero.numbered()) == numbers

    def test_is_still_voided_there_if_the_target_has_it(self, xero):
        (number,) = issue_invoices(1)
        target = xero_target(xero)
        sync_until_done(AT)
        target.since = date(2026, 2, 1)
        target.save()
        Invoice.objects.update(state="void")
        SyncRecord.objects.update(state="waiting", next_at=AT)
        push_due(at=AT)
        assert xero.numbered()[number]["Status"] == "VOIDED"

    def test_is_not_sent_if_the_customer_has_another_seller(self, hubspot):
        customer = make_customer("acme")
        hubspot_target(hubspot)
        queue_changes(at=AT)
        Customer.objects.filter(pk=customer.pk).update(seller=make_seller("other"))
        push_due(at=AT)
        assert hubspot.requests == []
