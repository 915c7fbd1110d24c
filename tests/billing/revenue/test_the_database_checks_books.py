"""Raw SQL that violates a constraint of the tables of the books is refused by that constraint."""

from collections.abc import Mapping
from datetime import date
from uuid import uuid4

import pytest
from django.db import connection

from billing.models import Accrual, AccruedAmount, OpeningBalance, RecurringRevenue, SyncRecord
from invoices.models import MonthLock
from tests.billing.audit.accounting_books import export_books
from tests.builders import JAN, make_customer, make_feature, make_plan, offer, publish, rate, subscribe, use
from tests.db_refusals import refused_by
from tests.owner_rights import past_triggers

pytestmark = pytest.mark.django_db

FORMULA = "'=SUM(A1)'"
OTHER_SELLER = {"seller_id": "seller_id + 1000000"}
FIRST = {"predecessor_id": "NULL", "first_number": "1000"}

OTHER_PLACE = {"name": "'other'", "path": "'other'"}
OTHER_BUCKET = {
    "name": "'other'",
    "kind": "'bucket'",
    "endpoint": "'https://s3.example'",
    "region": "'eu'",
    "bucket": "'other'",
    "access_key": "'key'",
    "secret": "'gAAAA'",
}
OTHER_RANGE = {"number": "9", "path": "'other'"}
CASES: list[tuple[str, str, Mapping[str, str]]] = [
    # postings
    ("posting_moves_a_finite_amount", "posting", {"amount": "0"}),
    ("posting_moves_a_finite_amount", "posting", {"amount": "'NaN'"}),
    ("posting_has_two_known_roles", "posting", {"debit": "credit"}),
    ("posting_has_two_known_roles", "posting", {"debit": "'other'"}),
    ("posting_has_a_known_source", "posting", {"source": "'other'"}),
    ("posting_names_months_by_their_first_day", "posting", {"service_month": "month - 1", "booked_month": "month"}),
    (
        "posting_is_booked_in_its_service_month_or_later",
        "posting",
        {"service_month": "(month + interval '1 month')::date"},
    ),
    ("posting_tax_rate_is_0_to_100_percent", "posting", {"tax_rate": "-1"}),
    ("sum_of_postings_is_finite", "postingsum", {"amount": "'NaN'"}),
    ("tax_rate_of_a_sum_is_0_to_100_percent", "postingsum", {"tax_rate": "101"}),
    # accruals, opening balances and recurring revenue
    ("period_is_accrued_once_per_month", "accrual", {}),
    ("accrual_names_its_month_by_its_first_day", "accrual", {"month": "month + 1"}),
    ("accrued_fingerprint_is_finite", "accrual", {"month": "'2026-05-01'", "fingerprint": "-1"}),
    ("accrued_amount_is_listed_once", "accruedamount", {}),
    ("accrued_amount_is_finite", "accruedamount", {"kind": "'fee'", "amount": "'NaN'"}),
    ("opening_balance_is_entered_once", "openingbalance", {}),
    ("books_begin_on_a_first_of_a_month", "openingbalance", {"currency": "'EUR'", "month": "'2025-01-02'"}),
    ("role_of_an_opening_balance_is_known", "openingbalance", {"role": "'other'"}),
    ("opening_balance_is_finite", "openingbalance", {"currency": "'EUR'", "amount": "'NaN'"}),
    ("recurring_revenue_is_finite", "recurringrevenue", {"currency": "'EUR'", "net": "-1"}),
    ("recurring_revenue_before_discounts_is_finite", "recurringrevenue", {"currency": "'EUR'", "gross": "'NaN'"}),
    ("recurring_usage_is_finite", "recurringrevenue", {"currency": "'EUR'", "usage": "-1"}),
    ("opening_recurring_revenue_is_finite", "recurringrevenue", {"currency": "'EUR'", "opening": "-1"}),
    (
        "opening_recurring_revenue_before_discounts_is_finite",
        "recurringrevenue",
        {"currency": "'EUR'", "gross_opening": "'NaN'"},
    ),
    (
        "discounts_never_raised_opening_recurring_revenue",
        "recurringrevenue",
        {"currency": "'EUR'", "opening": "gross_opening + 1"},
    ),
    ("discounts_never_raise_recurring_revenue", "recurringrevenue", {"currency": "'EUR'", "net": "gross + 1"}),
    (
        "recurring_revenue_names_its_month_by_the_first_day",
        "recurringrevenue",
        {"currency": "'EUR'", "month": "month + 1"},
    ),
    # accounts and their mapping
    ("seller_has_each_accounting_target_once", "accountingtarget", {}),
    ("accounting_target_is_known", "accountingtarget", {"target": "'other'"}),
    ("datev_consultant_has_4_to_7_digits", "accountingtarget", {"target": "'sie'", "consultant": "1000"}),
    ("datev_client_has_1_to_5_digits", "accountingtarget", {"target": "'sie'", "client": "0"}),
    ("datev_accounts_have_4_to_8_digits", "accountingtarget", {"target": "'sie'", "account_length": "9"}),
    ("fiscal_year_begins_in_a_month", "accountingtarget", {"target": "'sie'", "fiscal_year_month": "13"}),
    ("texts_of_a_target_begin_no_formula", "accountingtarget", {"target": "'sie'", "subsidiary": FORMULA}),
    ("account_is_listed_once", "account", {}),
    ("account_code_has_one_name", "account", {"name": "name || 'x'"}),
    ("target_of_an_account_is_known", "account", {"target": "'other'"}),
    ("account_has_a_code_or_a_name", "account", {"code": "''", "name": "''"}),
    ("texts_of_an_account_begin_no_formula", "account", {"code": FORMULA}),
    ("mappings_of_equal_specificity_never_overlap", "accountmapping", {}),
    ("target_of_a_mapping_is_known", "accountmapping", {"target": "'other'"}),
    ("role_of_a_mapping_is_known", "accountmapping", {"role": "'other'"}),
    ("mapping_begins_on_a_first_of_a_month", "accountmapping", {"from_month": "from_month + 1"}),
    ("mapped_tax_rate_is_0_to_100_percent", "accountmapping", {"tax_rate": "101", "tax_name": "'VAT'"}),
    ("mapped_tax_rate_has_a_name", "accountmapping", {"tax_rate": "7", "tax_name": "''"}),
    ("cost_center_begins_no_formula", "accountmapping", {"kind": "'fee'", "cost_center": FORMULA}),
    # accounting files
    ("target_of_a_batch_is_known", "exportbatch", {**FIRST, "target": "'other'"}),
    ("batch_state_is_known", "exportbatch", {**FIRST, "target": "'sie'", "state": "'other'"}),
    ("batch_is_of_a_month", "exportbatch", {**FIRST, "month": "month + 1"}),
    ("final_batch_has_a_lock", "exportbatch", {**FIRST, "target": "'sie'", "lock_id": "NULL"}),
    (
        "imported_batch_says_when",
        "exportbatch",
        {**FIRST, "target": "'sie'", "state": "'imported'", "imported_at": "NULL"},
    ),
    ("later_batches_of_a_month_name_a_predecessor", "exportbatch", FIRST),
    (
        "entries_are_numbered_from_one",
        "exportbatch",
        {"predecessor_id": "NULL", "target": "'sie'", "first_number": "0"},
    ),
    ("batch_has_entries", "exportbatch", {**FIRST, "target": "'sie'", "entries": "0"}),
    ("entry_number_is_given_once", "exportbatch", {"predecessor_id": "NULL", "target": "'sie'"}),
    ("batch_has_digests", "exportbatch", {**FIRST, "target": "'sie'", "digest": "'x'"}),
    ("exchange_rate_of_a_batch_is_finite", "exportbatch", {**FIRST, "target": "'sie'", "exchange_rate": "0"}),
    ("batch_has_each_file_once", "exportfile", {}),
    ("files_are_numbered_from_one", "exportfile", {"number": "0"}),
    ("accounting_file_is_bounded", "exportfile", {"number": "9", "size": "0"}),
    ("accounting_file_has_a_digest", "exportfile", {"number": "9", "sha256": "'x'"}),
    ("accounting_file_has_each_part_once", "exportpart", {}),
    # targets that records are pushed to, and the records
    ("seller_has_each_sync_target_once", "synctarget", {}),
    ("sync_target_kind_is_known", "synctarget", {"kind": "'other'"}),
    ("sync_target_has_an_address", "synctarget", {**OTHER_SELLER, "base_url": "'ftp://crm.example'"}),
    ("sync_target_secret_is_kept_encrypted", "synctarget", {**OTHER_SELLER, "secret": "'token'"}),
    ("xero_target_has_a_client_and_an_account", "synctarget", {**OTHER_SELLER, "kind": "'xero'", "client_id": "''"}),
    ("search_for_changes_reads_forward", "synctarget", {**OTHER_SELLER, "read_up_to": "-1"}),
    ("paused_sync_target_says_why", "synctarget", {**OTHER_SELLER, "paused_until": "now()"}),
    ("row_is_pushed_once_to_a_target", "syncrecord", {}),
    ("remote_record_is_of_one_row", "syncrecord", {"row_id": "7000", "remote_id": "'1'"}),
    ("sync_record_kind_is_known", "syncrecord", {"kind": "'other'"}),
    ("sync_record_is_due_until_it_ends", "syncrecord", {"row_id": "7000", "state": "'other'"}),
    ("sync_record_is_due_until_it_ends", "syncrecord", {"row_id": "7000", "next_at": "NULL"}),
    ("sync_record_digest_is_a_sha256", "syncrecord", {"row_id": "7000", "digest": "'x'"}),
    ("synced_record_says_when", "syncrecord", {"row_id": "7000", "state": "'synced'", "next_at": "NULL"}),
    ("unsent_record_says_why", "syncrecord", {"row_id": "7000", "state": "'failed'"}),
    ("sync_record_is_of_a_row", "syncrecord", {"row_id": "0"}),
    # targets of the data drop, and the parts that lie there
    ("place_belongs_to_one_drop_target", "droptarget", {"name": "'other'"}),
    ("drop_target_has_a_folder_or_a_bucket", "droptarget", {**OTHER_PLACE, "kind": "'other'"}),
    ("drop_format_is_known", "droptarget", {**OTHER_PLACE, "format": "'other'"}),
    ("drop_path_leads_below_its_folder", "droptarget", {**OTHER_PLACE, "path": "'a/../../b'"}),
    ("drop_path_leads_below_its_folder", "droptarget", {**OTHER_PLACE, "path": "'/etc'"}),
    ("drop_begins_in_an_hour_of_the_day", "droptarget", {**OTHER_PLACE, "hour": "24"}),
    ("drop_target_has_a_folder_or_a_bucket", "droptarget", {**OTHER_PLACE, "path": "''"}),
    ("drop_target_has_a_folder_or_a_bucket", "droptarget", {**OTHER_PLACE, "endpoint": "'https://s3.example'"}),
    ("drop_target_has_a_folder_or_a_bucket", "droptarget", {**OTHER_BUCKET, "region": "''"}),
    ("drop_target_has_a_folder_or_a_bucket", "droptarget", {**OTHER_BUCKET, "bucket": "'../other'"}),
    ("drop_target_secret_is_kept_encrypted", "droptarget", {**OTHER_BUCKET, "secret": "'secret'"}),
    ("range_of_a_drop_has_one_part", "droppart", {"replaced_at": "NULL", "path": "'other'"}),
    ("file_of_a_drop_is_written_once", "droppart", {}),
    ("drop_part_has_a_file_if_it_has_rows", "droppart", {**OTHER_RANGE, "rows": "0"}),
    ("drop_part_has_a_file_if_it_has_rows", "droppart", {**OTHER_RANGE, "path": "''"}),
    ("drop_part_has_a_file_if_it_has_rows", "droppart", {**OTHER_RANGE, "last_key": "0"}),
    ("drop_part_has_digests", "droppart", {**OTHER_RANGE, "sha256": "'x'"}),
    ("range_of_a_drop_is_numbered", "droppart", {**OTHER_RANGE, "number": "-1"}),
    ("file_of_a_drop_is_bounded", "droppart", {**OTHER_RANGE, "size": "6000000000"}),
    ("rows_of_a_drop_part_are_finite", "droppart", {**OTHER_RANGE, "rows": "1000000000001"}),
    ("drop_part_is_replaced_after_it_was_written", "droppart", {**OTHER_RANGE, "replaced_at": "'2000-01-01'"}),
    ("parts_are_numbered_from_one", "exportpart", {"number": "0"}),
]


@pytest.fixture(scope="module", autouse=True)
def books(shared_transaction: None) -> None:
    export_books()
    lock = MonthLock.objects.get()
    customer = make_customer("metered")
    calls = make_feature("calls")
    version = make_plan("metered", offers=[offer(calls, rates=[rate(1)])])
    publish(version, at=JAN)
    subscription = subscribe(customer, version, at=JAN)
    use(subscription, calls, 5)
    period = subscription.periods.get()
    SyncRecord.objects.update(remote_id="1")
    accrual = Accrual.objects.create(period=period, month=date(2026, 1, 1), fingerprint=0, computed_at=JAN)
    AccruedAmount.objects.create(accrual=accrual, kind="usage", is_uninvoiced=True, amount=5)
    OpeningBalance.objects.create(seller=lock.seller, month=date(2025, 1, 1), currency="USD", role="cash", amount=1)
    RecurringRevenue.objects.create(
        lock=lock,
        seller=lock.seller,
        customer=customer,
        currency="USD",
        month=lock.month,
        net=1,
        gross=1,
        usage=0,
        opening=1,
        gross_opening=1,
        digest=uuid4(),
    )


def insert_again(table: str, changes: Mapping[str, str]) -> str:
    """Return SQL that inserts a row a second time, with other values in some columns."""
    table = f"billing_{table}"
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    columns = [column.name for column in described if column.name != "id"]
    values = ", ".join(changes.get(column, column) for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} LIMIT 1"  # noqa: S608


@pytest.mark.parametrize(("name", "table", "changes"), CASES)
def test_a_violated_constraint_is_rejected(name: str, table: str, changes: Mapping[str, str]):
    # Triggers would refuse some of these rows before a constraint is evaluated.
    with past_triggers():
        assert refused_by(insert_again(table, changes)) == name


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("drop_target_keeps_its_place", "UPDATE billing_droptarget SET path = 'elsewhere' WHERE kind = 'folder'"),
        ("drop_part_is_only_replaced", "UPDATE billing_droppart SET rows = 3 WHERE replaced_at IS NULL"),
        (
            "drop_part_is_only_replaced",
            "UPDATE billing_droppart SET replaced_at = NULL WHERE replaced_at IS NOT NULL",
        ),
        ("drop_part_is_only_replaced", "DELETE FROM billing_droppart WHERE replaced_at IS NULL"),
    ],
)
def test_a_trigger_refuses_a_change_of_a_drop(name: str, statement: str):
    assert refused_by(statement) == name
