"""No live invoice is dated in a locked month, by any operation; a month can be unlocked with a reason."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction

from billing.audit import audit
from billing.closing import ClosingFailed, close_due, close_period
from billing.models import Period
from invoices.credit_notes import issue_credit_note
from invoices.documents.locked_months import MonthLocked, MonthLockRefused, lock_month, unlock_month
from invoices.models import Invoice, MonthLock
from tests.builders import (
    FEB,
    JAN,
    MAR,
    fee,
    make_customer,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.races import start

pytestmark = pytest.mark.django_db
JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


@pytest.fixture
def over():
    """Return the January period of a customer: a fee of 20.00 and usage of 5.00."""
    offers = [offer("api.calls", rates=[rate("0.05")])]
    version = publish(make_plan(fees=[fee("20", billed="arrears")], offers=offers))
    return use(subscribe(make_customer(), version), "api.calls", 100)


def lock(month=FEBRUARY, *, at=MAR, seller=None, note=""):
    return lock_month(seller=seller or make_seller(), month=month, checklist=[], note=note, by=None, at=at)


def sums():
    return [month_lock["sums"] for month_lock in MonthLock.objects.order_by("pk").values("sums")]


def test_a_close_dated_in_a_locked_month_fails_until_redated(over):
    lock()
    with pytest.raises(
        ClosingFailed, match=r"February 2026 of Acme Inc\. is locked\. Date the invoice 2026-03-01 or later"
    ):
        close_period(period_id=over.pk, at=FEB + timedelta(hours=2))
    over.refresh_from_db()
    assert (over.state, "or unlock the month" in over.error) == ("open", True)
    assert close_period(period_id=over.pk, at=MAR + timedelta(hours=1)).issue_date == date(2026, 3, 1)


def test_a_sellers_lock_does_not_affect_others(over):
    other = make_seller("other", legal_name="Other Inc.")
    subscribe(make_customer(seller=other), over.version)
    lock()
    done = close_due(at=FEB + timedelta(hours=2))
    assert (done.issued, [failure.period_id for failure in done.failed]) == (1, [over.pk])


def test_an_invoice_after_a_later_number_is_dated_after_the_lock(over):
    """Numbers are in order of time, so once March has an invoice, no later number is dated before it."""
    other = subscribe(make_customer(), over.version)
    lock()
    close_period(period_id=over.pk, at=MAR + timedelta(hours=1))
    january = Period.objects.get(subscription=other, starts_at=JAN)
    assert close_period(period_id=january.pk, at=FEB + timedelta(hours=2)).issue_date == date(2026, 3, 1)


def test_a_credit_note_dated_in_a_locked_month_is_rejected(over):
    invoice = close_period(period_id=over.pk, at=FEB + timedelta(hours=1))
    lock()
    with pytest.raises(MonthLocked, match="February 2026 of Acme Inc"):
        issue_credit_note(invoice_id=invoice.pk, lines=None, reason="sorry", to="balance", at=FEB + timedelta(days=2))
    note = issue_credit_note(invoice_id=invoice.pk, lines=None, reason="sorry", to="balance", at=MAR)
    assert note.issue_date == date(2026, 3, 1)


def test_sandbox_invoices_ignore_month_locks():
    offers = [offer("api.calls", rates=[rate("0.05")])]
    version = publish(make_plan(fees=[fee("20", billed="arrears")], offers=offers))
    subscribe(make_customer(sandbox=True), version)
    lock()
    assert close_due(at=FEB + timedelta(hours=2)).issued == 1


def test_the_totals_are_those_of_the_month_and_are_audited(over):
    close_period(period_id=over.pk, at=FEB + timedelta(hours=1))
    lock()
    totals = {"net": "25.0000", "tax": "0.0000", "total": "25.0000"}
    assert sums() == [[{"kind": "invoice", "currency": "USD", "documents": 1, **totals}]]
    name = "locked_months_have_not_changed"
    assert not audit(only=[name])[0].is_violated


def test_a_month_can_be_locked_once_it_has_ended_in_the_sellers_time_zone():
    seller = make_seller("india", legal_name="India Ltd", time_zone="Asia/Kolkata")
    end_of_month = datetime(2026, 1, 31, 18, 30, tzinfo=UTC)
    with pytest.raises(MonthLockRefused, match=r"January 2026 of India Ltd ends at 2026-02-01 00:00 IST"):
        lock(JANUARY, seller=seller, at=end_of_month - timedelta(seconds=1))
    assert lock(JANUARY, seller=seller, at=end_of_month).month == JANUARY


REFUSED = [
    (date(2026, 1, 15), {}, "2026-01-15 is not a month"),
    (JANUARY, {}, "January 2026 of Acme Inc. is already locked"),
    (FEBRUARY, {"note": "x" * 501}, "Enter a note of up to 500 characters"),
]


@pytest.mark.parametrize(("month", "more", "words"), REFUSED)
def test_an_impossible_lock_gives_the_reason(month, more, words):
    lock(JANUARY)
    with pytest.raises(MonthLockRefused, match=words):
        lock(month, **more)


def test_it_is_unlocked_with_a_stored_reason_and_locked_again(django_user_model, over):
    olga = django_user_model.objects.create(username="olga")
    first = lock()
    with pytest.raises(MonthLockRefused, match="Enter a reason"):
        unlock_month(lock_id=first.pk, reason=" ", by=olga, at=MAR)
    unlock_month(lock_id=first.pk, reason="forgot a credit", by=olga, at=MAR)
    with pytest.raises(MonthLockRefused, match="is already unlocked"):
        unlock_month(lock_id=first.pk, reason="again", by=olga, at=MAR)
    assert close_period(period_id=over.pk, at=FEB + timedelta(hours=2)).issue_date == FEBRUARY
    lock(at=MAR + timedelta(days=1))
    locks = MonthLock.objects.order_by("pk").values_list("unlock_reason", "unlocked_by__username")
    assert list(locks) == [("forgot a credit", "olga"), ("", None)]


@pytest.mark.django_db(transaction=True)
def test_a_lock_waits_for_an_invoice_being_issued(over):
    with transaction.atomic():
        close_period(period_id=over.pk, at=FEB + timedelta(hours=1))
        locking = start(lock)
        locking.join(0.5)
        assert locking.is_alive(), "its sums would lack the document"
    locking.result()
    assert Invoice.objects.get().issue_date == FEBRUARY
    assert sums()[0][0]["documents"] == 1
