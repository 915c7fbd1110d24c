"""An open month becomes a provisional batch of its live postings, which the batch of the locked month replaces."""

from decimal import Decimal as D

import pytest

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import AccountingTarget, ExportBatch
from billing.revenue.accounting_files.batches import (
    BatchRefused,
    add_replacements,
    list_unmapped_amounts,
    mark_imported,
)
from billing.revenue.month_end import lock_checked_month
from tests.billing.revenue.accounting_files.account_builders import (
    AT,
    CODES,
    JANUARY,
    files_of,
    make,
    make_account,
    map_all_roles,
    map_role,
)
from tests.billing.revenue.accounting_files.file_readers import READERS
from tests.billing.revenue.accounting_files.test_files_are_made_by_a_job import outcomes, run
from tests.billing.revenue.book_setup import issue_invoice, line
from tests.billing.revenue.frozen_months import freeze, posting
from tests.builders import make_customer, make_seller

pytestmark = pytest.mark.django_db

EARNED = {CODES["receivable"]: D(90), CODES["deferred"]: D(-59), CODES["revenue"]: D(-31)}
"""90.00 invoiced in January for 90 days from January 1."""


@pytest.fixture
def seller():
    seller = make_seller()
    map_all_roles(seller)
    issue_invoice(
        make_customer("acme", seller=seller),
        [line("90", "2026-01-01", "2026-04-01")],
        at="2026-01-05",
        currency="USD",
    )
    return seller


@pytest.mark.parametrize("is_detailed", [False, True])
def test_an_open_month_gives_a_provisional_batch_of_its_live_postings(seller, is_detailed):
    batch = make(seller, is_provisional=True, is_detailed=is_detailed)
    ((name, content),) = files_of(batch).items()
    assert (batch.state, batch.lock, name) == ("provisional", None, "PROVISIONAL-2026-01-USD.csv")
    assert content.count(b"PROVISIONAL ") == 2 * batch.entries + (batch.entries if is_detailed else 0)
    assert content.decode().splitlines()[1].startswith("P-2026-01-001,")
    assert {code: amount for code, amount in READERS["journal"]({name: content}).items() if amount} == EARNED


def test_a_provisional_batch_is_never_imported(seller):
    batch = make(seller, is_provisional=True)
    with pytest.raises(BatchRefused, match="is provisional"):
        mark_imported(batch_id=batch.pk, by=None, at=AT)


def test_the_batch_of_the_locked_month_replaces_provisional_ones(seller):
    drafts = [make(seller, is_provisional=True) for _ in range(2)]
    other = make(seller, "hledger", is_provisional=True)
    freeze(seller, [posting("receivable", "revenue", 90)])
    final = make(seller)
    assert (final.label, final.predecessor) == ("TB-2026-01-001", None), "provisional numbers belong to no series"
    replaced = dict(add_replacements(ExportBatch.objects.all()).values_list("pk", "replaced_by"))
    assert replaced == {drafts[0].pk: final.pk, drafts[1].pk: final.pk, other.pk: None, final.pk: None}


def test_a_file_of_an_open_month_must_be_requested_as_provisional(seller):
    with pytest.raises(BatchRefused, match=r"2026-01 of Acme Inc\. is open\. Lock it, or make provisional files\."):
        make(seller)
    freeze(seller, [posting("receivable", "revenue", 90)])
    with pytest.raises(BatchRefused, match=r"is locked\. Make its final files"):
        make(seller, is_provisional=True)


def test_a_month_that_the_books_lack_is_refused(seller):
    for month in (JANUARY.replace(year=2025), JANUARY.replace(month=3)):
        with pytest.raises(BatchRefused, match=r"have no month .*\. Choose one from 2026-01 to 2026-02\."):
            make(seller, month=month, is_provisional=True)


def test_amounts_of_an_open_month_are_listed_until_they_are_mapped(seller):
    seller.account_mappings.get(role="deferred").delete()
    unmapped = list_unmapped_amounts(seller=seller, month=JANUARY, targets=["journal", "xero"], at=AT)
    assert [(row.role, row.amount) for row in unmapped["journal"]["USD"]] == [("deferred", D(-59))]
    with pytest.raises(BatchRefused, match="Map these amounts to accounts first: deferred revenue"):
        make(seller, is_provisional=True)


def test_a_customers_group_narrows_a_mapping_of_an_open_month(seller):
    seller.customers.update(accounting_group="public")
    map_role("revenue", make_account(seller, code="4999"), customer_group="public")
    for is_detailed in (False, True):
        batch = make(seller, is_provisional=True, is_detailed=is_detailed)
        assert READERS["journal"](files_of(batch))["4999"] == D(-31)


def test_a_job_leaves_out_sellers_that_have_locked_the_month(seller):
    AccountingTarget.objects.create(seller=seller, target="hledger")
    locked = make_seller("other")
    map_all_roles(locked)
    AccountingTarget.objects.create(seller=locked, target="hledger")
    freeze(locked, [posting("receivable", "revenue", 5)], customer=make_customer("other", seller=locked))
    job = run(is_provisional=True)
    assert outcomes(job) == [
        ("hledger", "USD", "made", "PROVISIONAL-2026-01-USD"),
        ("hledger", "USD", "left out", ""),
    ]


def test_the_locked_month_has_the_amounts_of_its_provisional_batch(seller):
    provisional = make(seller, is_provisional=True)
    lock_checked_month(seller=seller, month=JANUARY, note="", by=None, at=AT)
    work(kinds=KINDS, clock=lambda: AT)
    assert make(seller).rows == provisional.rows
