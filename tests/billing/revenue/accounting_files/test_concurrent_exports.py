"""Batches of one seller are made one after the other, and a month stays locked while its files are made."""

import pytest

from billing.models import ExportBatch
from billing.revenue.accounting_files import batches
from billing.revenue.accounting_files.batches import BatchRefused, make_batch, mark_imported
from invoices.documents.locked_months import unlock_month
from tests.billing.revenue.accounting_files.account_builders import AT, JANUARY, map_all_roles
from tests.billing.revenue.frozen_months import freeze, posting
from tests.builders import make_seller
from tests.races import Pause, start, together, wait_until_blocked

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def lock():
    map_all_roles()
    return freeze(make_seller(), [posting("receivable", "revenue", 5), posting("receivable", "deferred", 7)])


def make(target):
    return make_batch(seller=make_seller(), month=JANUARY, target=target, currency="USD", by=None, at=AT)


def test_the_next_batch_gets_its_numbers_after_the_commit_of_this_one(lock, monkeypatch):
    pause = Pause.before(monkeypatch, batches, "store_files")
    first = start(lambda: make("journal"))
    pause.await_arrival()
    second = start(lambda: make("hledger"))
    wait_until_blocked()
    pause.release()
    assert [first.result().first_number, second.result().first_number] == [1, 3]


def test_a_month_is_unlocked_after_the_commit_of_its_batch(lock, monkeypatch):
    pause = Pause.before(monkeypatch, batches, "store_files")
    export = start(lambda: make("journal"))
    pause.await_arrival()
    unlocking = start(lambda: unlock_month(lock_id=lock.pk, reason="A correction.", by=None, at=AT))
    wait_until_blocked()
    pause.release()
    assert export.result().lock == lock
    unlocking.result()


def test_of_two_clicks_one_marks_the_batch(lock):
    batch = make("journal")

    def mark():
        try:
            return mark_imported(batch_id=batch.pk, by=None, at=AT).state
        except BatchRefused:
            return "refused"

    assert sorted(together(mark, mark)) == ["imported", "refused"]
    assert ExportBatch.objects.get().state == "imported"
