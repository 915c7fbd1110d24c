"""The files of a drop, read back, are the rows of the tables."""

import json
import re
from collections import defaultdict
from decimal import Decimal
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet
import pytest
from django.test import override_settings

from billing.models import RecurringRevenue
from billing.models.postings import Role
from billing.revenue.data_drop import tables
from billing.revenue.data_drop.columns import DropColumn
from billing.revenue.data_drop.part_file import make_part_file
from billing.revenue.data_drop.parts import TABLES
from billing.revenue.data_drop.tables import STORED
from billing.revenue.metrics.reports import read_mrr_report
from billing.revenue.reports.balances import report_trial_balance
from billing.revenue.reports.entries import currencies_of
from config.paths import PROJECT
from customers.models import Customer, Seller
from invoices.models import MonthLock
from tests.billing.revenue.data_drop.drop_setup import NIGHT, Reader, drop, folder_target

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def directory(full_books, shared_transaction, tmp_path_factory):
    """Drop books with every kind of row to three targets, once for all these tests."""
    directory = tmp_path_factory.mktemp("drops")
    seller = Seller.objects.get(code="exporter")
    with override_settings(DROP_DIRECTORY=str(directory)), patch.object(tables, "IDS_PER_PART", 200):
        for fields in (
            {"name": "warehouse"},
            {"name": "csv", "format": "csv"},
            {"name": "of-seller", "seller": seller},
        ):
            drop(folder_target(**fields))
    return directory


@pytest.fixture
def reader(directory):
    return Reader.of_folder(directory / "warehouse")


def as_stored(value, stored):
    """Return a value of a file as the column has it: measured quantities and JSON are text in files."""
    if isinstance(value, str) and isinstance(stored, Decimal):
        return Decimal(value)
    if isinstance(value, str) and isinstance(stored, dict | list):
        return json.loads(value)
    return value


@pytest.mark.parametrize("target", ["warehouse", "csv"])
def test_the_files_have_the_rows_of_every_table(directory, target):
    reader = Reader.of_folder(directory / target)
    empty = set()
    for table in STORED:
        stored = table.model._default_manager.filter(table.live).order_by(table.key)
        expected = list(stored.values_list(*(column.path for column in table.columns)))
        rows = [
            tuple(as_stored(value, other) for value, other in zip(row.values(), row_stored, strict=True))
            for row, row_stored in zip(reader.rows(table.name), expected, strict=True)
        ]
        assert rows == expected, table.name
        if not rows:
            empty.add(table.name)
    assert empty <= {"exchange_rates", "subscription_quantities"}, "the books have no rows to compare"
    assert len(reader.files("lines")) > 1


def test_postings_add_up_to_the_trial_balance(reader):
    balances = defaultdict(Decimal)
    for row in reader.rows("postings"):
        balances[row["seller_id"], row["currency"], row["debit"]] += row["amount"]
        balances[row["seller_id"], row["currency"], row["credit"]] -= row["amount"]
    labels = {str(role.label): role.value for role in Role}
    compared = 0
    for seller in Seller.objects.all():
        for currency in currencies_of(seller, at=NIGHT):
            for row in report_trial_balance(seller, currency=currency, at=NIGHT).rows:
                if not row.is_total:
                    role = labels[row.values["role"]]
                    assert balances[seller.pk, currency, role] == row.values["closing"], (seller, role)
                    compared += 1
    assert compared > 20
    locked = {row["lock_id"] for row in reader.rows("postings")} - {None}
    assert locked == set(MonthLock.objects.filter(frozen_at__isnull=False).values_list("pk", flat=True))


def test_recurring_revenue_adds_up_to_the_report(reader):
    rows = reader.rows("recurring_revenue")
    locked = {(row["lock_id"], row["customer_id"]): row["usage"] for row in rows if row["lock_id"]}
    frozen = RecurringRevenue.objects.filter(lock__frozen_at__isnull=False, lock__unlocked_at__isnull=True)
    assert locked == {(row.lock_id, row.customer_id): row.usage for row in frozen}
    seller = Seller.objects.get(code="acme")
    net = defaultdict(Decimal)
    for row in rows:
        if row["seller_id"] == seller.pk and row["currency"] == "USD":
            net[row["month"]] += row["net"]
    report = read_mrr_report(seller=seller, currency="USD", at=NIGHT)
    closing = {month.month.month: month.closing for month in report.months}
    assert max(closing.values()) > 0
    assert {month: round(amount, 10) for month, amount in net.items() if amount} == {
        month: round(amount, 10) for month, amount in closing.items() if amount
    }


def test_no_row_is_of_the_sandbox(reader):
    sandbox = set(Customer.objects.filter(sandbox=True).values_list("pk", flat=True))
    assert sandbox
    for table in reader.manifest["tables"]:
        assert not sandbox & {row.get("customer_id") for row in reader.rows(table)}, table
    assert not sandbox & {row["id"] for row in reader.rows("customers")}


def test_a_target_of_a_seller_has_its_rows_only(directory):
    seller = Seller.objects.get(code="exporter")
    reader = Reader.of_folder(directory / "of-seller")
    assert reader.manifest["seller"] == "exporter"
    for table in reader.manifest["tables"]:
        if table != "customers":  # a customer of several sellers names its default
            assert {row.get("seller_id", seller.pk) for row in reader.rows(table)} <= {seller.pk}, table
    assert {row["id"] for row in reader.rows("sellers")} == {seller.pk}
    assert "exported" in [row["external_id"] for row in reader.rows("customers")]
    issued = {row["id"] for row in reader.rows("invoices")}
    assert issued
    assert {row["invoice_id"] for row in reader.rows("lines")} == issued
    assert reader.rows("plans"), "the catalog is shared"


def test_no_amount_is_a_float(reader):
    """Each amount has its currency or unit beside it."""
    for name, table in reader.manifest["tables"].items():
        types = {column["name"]: column["type"] for column in table["columns"]}
        assert not {kind for kind in types.values() if kind in ("double", "float")}, name
        if {"amount", "net", "total", "units", "balance"} & set(types):
            assert {"currency", "unit"} & set(types), name


def test_the_page_lists_all_tables():
    rows = (PROJECT / "docs" / "data-drop.md").read_text().split("| table | rows | changes |")[1]
    names = [
        name
        for row in rows.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    assert sorted(names) == sorted(TABLES)


def test_a_large_part_is_written_in_row_groups():
    """A few mebibytes are in memory at a time, however large the part."""
    columns = (DropColumn("id", pa.int64(), "id"), DropColumn("text", pa.string(), "text"))
    statement = "SELECT n, repeat('x', 100) FROM generate_series(1, 100000) n"
    with make_part_file(statement, None, columns=columns, key="id", file_format="parquet") as part:
        file = pyarrow.parquet.ParquetFile(part.file)
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        assert (part.rows, part.first_key, part.last_key) == (100_000, 1, 100_000)
    assert len(groups) == 3
    assert max(group.total_byte_size for group in groups) < 6 * 1024 * 1024
