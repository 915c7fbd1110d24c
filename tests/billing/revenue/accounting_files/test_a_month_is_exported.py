"""A locked month becomes a final batch, whose files say what was posted."""

from datetime import date
from decimal import Decimal as D
from hashlib import sha256

import pytest

from billing.models import ExportBatch
from billing.models.accounting_files import FILE_PART_BYTES
from billing.revenue.accounting_files.batches import BatchRefused, NothingToExport, mark_imported
from customers.exchange_rates.ecb_file import PublishedRate
from customers.exchange_rates.stored_rates import import_rates
from invoices.models import MonthLock
from tests.billing.revenue.accounting_files.account_builders import (
    AT,
    CODES,
    JANUARY,
    files_of,
    make,
    map_all_roles,
    set_up_datev,
    signed_sums,
)
from tests.billing.revenue.accounting_files.file_readers import READERS
from tests.billing.revenue.frozen_months import freeze, posting, unlock
from tests.builders import make_seller
from tests.deferred_checks import check_deferred

pytestmark = pytest.mark.django_db

POSTINGS = [
    posting("receivable", "deferred", "100", source_id=1, kind="fee"),
    posting("receivable", "tax", "19", source="invoice", source_id=7, tax_name="VAT", tax_rate=D("19.0000")),
    posting("deferred", "revenue", "34.44", source_id=1, kind="fee"),
    posting("deferred", "revenue", "-3.44", source_id=2, kind="fee", service_month="2025-12-01"),
    posting("cash", "receivable", "119", source="payment", source_id=9, method="stripe"),
]


@pytest.fixture
def seller():
    seller = make_seller()
    map_all_roles(seller)
    return seller


def test_a_grouped_file_has_an_entry_for_each_pair_of_accounts_and_tax(seller):
    freeze(seller, POSTINGS)
    batch = make(seller)
    ((name, content),) = files_of(batch).items()
    assert (batch.label, name, batch.state, batch.entries) == ("TB-2026-01-001", "TB-2026-01-001.csv", "final", 4)
    assert [line.split(",")[0:9:8] for line in content.decode().splitlines()[1:]] == [
        ["TB-2026-01-001", '"Receivables to deferred revenue'],
        ["TB-2026-01-001", '"Receivables to deferred revenue'],
        ["TB-2026-01-002", '"Receivables to tax'],
        ["TB-2026-01-002", '"Receivables to tax'],
        ["TB-2026-01-003", '"Cash to receivables'],
        ["TB-2026-01-003", '"Cash to receivables'],
        ["TB-2026-01-004", '"Deferred revenue to revenue'],
        ["TB-2026-01-004", '"Deferred revenue to revenue'],
    ]
    assert '"Receivables to tax, VAT 19%, 2026-01"' in content.decode()
    assert READERS["journal"]({name: content}) == signed_sums(*POSTINGS) | {CODES["receivable"]: 0}


def test_a_file_that_is_larger_than_the_buffers_of_a_connection_is_made(seller):
    """Its parts are stored through the connection that reads its rows."""
    count = 30_000
    freeze(seller, [posting("receivable", "deferred", "1.25", source_id=number) for number in range(count)])
    batch = make(seller, is_detailed=True)
    ((_name, content),) = files_of(batch).items()
    assert (batch.entries, len(content.splitlines())) == (count, 2 * count + 1)
    assert len(content) > FILE_PART_BYTES


def test_a_detailed_file_has_an_entry_for_each_source(seller):
    freeze(seller, POSTINGS)
    batch = make(seller, is_detailed=True)
    ((name, content),) = files_of(batch).items()
    narrations = [line.split(",", 8)[8] for line in content.decode().splitlines()[1:]]
    assert list(dict.fromkeys(text.removesuffix(",,Customers,") for text in narrations)) == [
        "Invoice 7",
        "Line 1",
        '"Line 2, service of 2025-12"',
        "Payment 9",
    ]
    assert batch.entries == 4
    assert READERS["journal"]({name: content}) == signed_sums(*POSTINGS) | {CODES["receivable"]: 0}


@pytest.mark.parametrize("target", ["journal", "quickbooks", "netsuite", "sie", "beancount", "hledger", "datev"])
@pytest.mark.parametrize("is_detailed", [False, True])
def test_every_target_gets_the_sums_of_all_accounts(seller, target, is_detailed):
    set_up_datev(seller)
    freeze(seller, POSTINGS)
    batch = make(seller, target, is_detailed=is_detailed)
    found = READERS[target](files_of(batch))
    assert sorted(amount for amount in found.values() if amount) == sorted(signed_sums(*POSTINGS).values())


def test_a_file_is_the_same_at_every_download_and_matches_its_digests(seller):
    freeze(seller, POSTINGS)
    batch = make(seller)
    (file,) = batch.files.all()
    content = files_of(batch)[file.name]
    assert content == files_of(ExportBatch.objects.get(pk=batch.pk))[file.name]
    assert (file.size, file.sha256, batch.sha256) == (len(content), *[sha256(content).hexdigest()] * 2)


def test_a_batch_is_stored_in_parts_of_a_mebibyte(seller, monkeypatch):
    monkeypatch.setattr("billing.revenue.accounting_files.file_store.FILE_PART_BYTES", 100)
    freeze(seller, POSTINGS)
    batch = make(seller)
    (file,) = batch.files.all()
    assert file.parts.count() == -(-file.size // 100)
    assert sha256(files_of(batch)[file.name]).hexdigest() == file.sha256


def test_entries_are_numbered_on_over_targets_and_currencies(seller):
    euros = [posting("receivable", "revenue", "5", currency="EUR")]
    freeze(seller, [*POSTINGS, *euros])
    labels = [(make(seller, *rest).label) for rest in [("journal",), ("journal", "EUR"), ("hledger", "EUR")]]
    assert labels == ["TB-2026-01-001", "TB-2026-01-005", "TB-2026-01-006"]


def test_a_refused_batch_leaves_no_gap(seller):
    freeze(seller, [*POSTINGS, posting("receivable", "revenue", "0.001", currency="KWD")])
    with pytest.raises(BatchRefused, match="2 decimal places"):
        make(seller, "netsuite", "KWD")
    assert make(seller).first_number == 1


def test_a_batch_holds_one_currency(seller):
    euros = posting("receivable", "revenue", "5", currency="EUR")
    freeze(seller, [*POSTINGS, euros])
    assert READERS["journal"](files_of(make(seller, currency="EUR"))) == signed_sums(euros)


@pytest.mark.parametrize("target", ["xero", "sie"])
def test_a_target_without_a_currency_column_takes_the_sellers_currency_only(seller, target):
    freeze(seller, [posting("receivable", "revenue", "5", currency="EUR")])
    with pytest.raises(BatchRefused, match="takes USD only"):
        make(seller, target, "EUR")


def test_a_foreign_currency_needs_an_exchange_rate_in_datev(seller):
    set_up_datev(seller)
    freeze(seller, [posting("receivable", "revenue", "5", currency="EUR")])
    with pytest.raises(BatchRefused, match=r"There is no rate of USD on or before 2026-01-31\. Import one\."):
        make(seller, "datev", "EUR")
    batch = make(seller, "datev", "EUR", exchange_rate=D("0.8"))
    (content,) = files_of(batch).values()
    assert b'5,00;"S";"EUR";0,800000;6,25;"USD";' in content


def test_datev_takes_the_last_stored_rate_on_or_before_the_day_of_the_postings(seller):
    set_up_datev(seller)
    rates = [("USD", 30, "1.2"), ("USD", 15, "1.1"), ("JPY", 29, "165")]
    published = [PublishedRate(date(2026, 1, day), currency, D(rate)) for currency, day, rate in rates]
    import_rates([*published, PublishedRate(date(2026, 2, 2), "USD", D("1.3"))], at=AT)
    freeze(seller, [posting("receivable", "revenue", 5, currency=currency) for currency in ("EUR", "JPY")])
    assert make(seller, "datev", "EUR").exchange_rate == D("0.833333"), "1 ÷ 1.2, of Friday, January 30"
    assert make(seller, "datev", "JPY").exchange_rate == D("137.5"), "165 ÷ 1.2"
    assert make(seller, "hledger", "EUR").exchange_rate is None, "it writes no amount of the book's currency"


def test_accounts_that_are_one_to_the_target_have_no_entry(seller):
    freeze(seller, [posting("revenue", "discounts", "5"), posting("receivable", "revenue", "7")])
    for row in seller.accounts.filter(code=CODES["discounts"]):
        row.mappings.update(account=seller.accounts.get(code=CODES["revenue"]), reason="Discounts reduce revenue.")
    batch = make(seller)
    assert batch.entries == 1
    assert READERS["journal"](files_of(batch)) == {CODES["receivable"]: 7, CODES["revenue"]: -7}


def test_a_month_without_postings_has_no_files(seller):
    freeze(seller, [])
    with pytest.raises(NothingToExport, match="no amounts in USD"):
        make(seller)
    assert not ExportBatch.objects.exists()


def test_a_month_that_is_being_locked_waits(seller):
    lock = freeze(seller, POSTINGS)
    MonthLock.objects.filter(pk=lock.pk).update(unlocked_at=AT, unlock_reason="Again.")
    MonthLock.objects.create(seller=seller, month=JANUARY, locked_at=AT, ends_at=lock.ends_at)
    with pytest.raises(BatchRefused, match="is being locked"):
        make(seller)


def test_an_imported_batch_is_final(seller):
    freeze(seller, POSTINGS)
    batch = make(seller)
    assert mark_imported(batch_id=batch.pk, by=None, at=AT).state == "imported"
    with pytest.raises(BatchRefused, match="already marked"):
        mark_imported(batch_id=batch.pk, by=None, at=AT)


def test_a_second_lock_gives_the_difference_to_the_batch_before(seller):
    first = freeze(seller, POSTINGS)
    batch = make(seller)
    unlock(first)
    added = posting("receivable", "revenue", "10", source_id=50)
    freeze(seller, [*POSTINGS[:2], *POSTINGS[3:], added])  # the third posting is gone
    later = make(seller)
    assert (later.predecessor, later.label, later.entries) == (batch, "TB-2026-01-005", 2)
    gone = posting("revenue", "deferred", "34.44")
    assert READERS["journal"](files_of(later)) == signed_sums(gone, added)


def test_a_detailed_difference_has_the_sources_that_changed(seller):
    first = freeze(seller, POSTINGS)
    batch = make(seller, is_detailed=True)
    unlock(first)
    added = posting("receivable", "revenue", "10", source_id=50)
    freeze(seller, [*POSTINGS[:2], *POSTINGS[3:], added])
    later = make(seller, is_detailed=True)
    (content,) = files_of(later).values()
    assert later.predecessor == batch
    assert [line.split(",")[8] for line in content.decode().splitlines()[1:]] == ["Line 1"] * 2 + ["Line 50"] * 2
    assert READERS["journal"](files_of(later)) == signed_sums(posting("revenue", "deferred", "34.44"), added)


@pytest.mark.parametrize("is_detailed", [False, True])
def test_a_changed_mapping_moves_what_was_exported(seller, is_detailed):
    lock = freeze(seller, POSTINGS)
    make(seller, is_detailed=is_detailed)
    unlock(lock)
    mapping = seller.account_mappings.get(role="tax")
    mapping.account, mapping.reason = seller.accounts.get(code=CODES["other_loss"]), "Wrong account."
    mapping.save()
    freeze(seller, POSTINGS)
    later = make(seller, is_detailed=is_detailed)
    assert READERS["journal"](files_of(later)) == {
        CODES["receivable"]: 0, CODES["tax"]: 19, CODES["other_loss"]: -19
    }  # fmt: skip


def test_a_third_lock_counts_all_batches_before(seller):
    rows = []
    for number in (1, 2, 3):
        rows.append(posting("receivable", "revenue", number, source_id=number))
        lock = freeze(seller, rows)
        assert READERS["journal"](files_of(make(seller))) == signed_sums(rows[-1])
        unlock(lock)


def test_nothing_is_exported_twice(seller):
    lock = freeze(seller, POSTINGS)
    batch = make(seller)
    with pytest.raises(NothingToExport, match=f"since {batch.label}"):
        make(seller)
    unlock(lock)
    freeze(seller, POSTINGS)
    for is_detailed in (False, True):
        with pytest.raises(NothingToExport, match=f"since {batch.label}"):
            make(seller, is_detailed=is_detailed)


def test_beancount_opens_each_account_once(seller):
    lock = freeze(seller, POSTINGS)
    first = files_of(make(seller, "beancount"))
    unlock(lock)
    freeze(seller, [*POSTINGS, posting("receivable", "breakage", "1"), posting("receivable", "revenue", "1")])
    second = files_of(make(seller, "beancount"))
    (text,) = second.values()
    assert text.decode().count(" open ") == 1
    READERS["beancount"](first | second)
    check_deferred()
