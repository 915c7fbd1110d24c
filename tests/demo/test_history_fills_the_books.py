"""The demo's fourteen months of history: locked months, figures in every report, and books that balance."""

from contextlib import nullcontext
from datetime import UTC, date, datetime

import pytest

from billing.models import ExportBatch, Job, Period, Posting
from billing.models.accounting_files import Target
from billing.revenue.accounting_files.batches import make_batch
from billing.revenue.metrics.reports import read_mrr_report
from billing.revenue.reports.obligations import read_open_commitments
from billing.revenue.reports.registry import REPORTS, read_report
from customers.models import Seller
from demo import books, catalog, history, sellers_and_customers
from invoices.models import Invoice, MonthLock
from tests.clean_books import assert_clean

AT = datetime(2026, 4, 27, 12, tzinfo=UTC)
LAST_LOCKED = date(2026, 2, 1)

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def add_history() -> None:
    catalog.load(AT)
    sellers_and_customers.add_all(AT)
    history.add_locked_months(AT, quietly)
    history.add_open_months(AT, quietly)
    books.make_files(history.last_locked_month(AT), at=AT)


def quietly(*_: object) -> nullcontext:
    return nullcontext(lambda _done: None)


def test_fourteen_months_balance_and_show_something_in_every_report():
    add_history()
    american, european = Seller.objects.order_by("currency").reverse()
    for seller in (american, european):
        locks = MonthLock.objects.filter(seller=seller, frozen_at__isnull=False).order_by("month")
        assert (len(locks), locks[0].month, locks[12].month) == (13, date(2025, 2, 1), LAST_LOCKED)
        for code in REPORTS:
            report = read_report(code, seller, currency=str(seller.currency), at=AT)
            assert len(report.rows) > 1, (seller, code)
        total = read_report("trial-balance", seller, currency=str(seller.currency), at=AT).rows[-1]
        assert (total.values["opening"], total.values["closing"]) == (0, 0)
        assert total.values["debits"] == total.values["credits"] > 0
        mrr = read_mrr_report(seller=seller, currency=str(seller.currency), at=AT)
        moved = {kind for month in mrr.months for kind, amount in month.movements.items() if amount}
        assert moved >= {"new", "expansion", "contraction", "churn", "reactivation"}, seller
        assert len(mrr.cohorts) > 6
        (commitment,) = read_open_commitments(seller, currency=str(seller.currency), at=AT).rows
        assert 0 < commitment.amount < commitment.guaranteed
    aging = read_report("aging", american, currency="USD", at=AT).rows[-1].values
    assert all(aging[code] for code in ("not_due", "1_30", "31_60", "61_90", "over_90"))
    roles = set(Posting.objects.values_list("debit", flat=True)) | set(
        Posting.objects.values_list("credit", flat=True)
    )
    assert roles >= {"deferred", "prepaid", "unbilled", "breakage", "credit_notes", "bad_debt", "tax", "opening"}
    assert set(ExportBatch.objects.values_list("target", flat=True)) == {Target.QUICKBOOKS, Target.DATEV}
    for seller in (american, european):
        for target in Target.values:
            if (seller.code, target) not in (*books.FILES, books.NEW_TARGET):
                currency = str(seller.currency)
                make_batch(seller=seller, month=LAST_LOCKED, target=target, currency=currency, by=None, at=AT)
    (refused,) = Job.objects.filter(kind="export", state="failed")
    findings = [row for item in refused.items.all() for row in item.findings]
    assert {(row["target"], row["role"]) for row in findings if row["outcome"] == "unmapped"} == {
        (Target.NETSUITE, books.UNMAPPED_ROLE)
    }
    assert_clean()
    counts = [model.objects.count() for model in (Invoice, Period, Posting, MonthLock, ExportBatch)]
    assert counts[0] > 400
    add_history()
    assert [model.objects.count() for model in (Invoice, Period, Posting, MonthLock, ExportBatch)] == counts
