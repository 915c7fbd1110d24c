"""Constraints and triggers of accounts, mappings and batches."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.db.utils import Error

from billing.models import Account, AccountingTarget, AccountMapping, ExportBatch, ExportFile, ExportPart
from tests.billing.revenue.accounting_files.account_builders import AT, make, make_account, map_all_roles, map_role
from tests.billing.revenue.frozen_months import freeze, posting, unlock
from tests.builders import make_seller
from tests.db_refusals import refused_by

pytestmark = pytest.mark.django_db

TARGET = "UPDATE billing_accountingtarget SET "
ACCOUNT = "UPDATE billing_account SET "
MAPPING = "UPDATE billing_accountmapping SET "
ROWS = [
    (TARGET + "target = 'sap'", "accounting_target_is_known"),
    (TARGET + "consultant = 1000", "datev_consultant_has_4_to_7_digits"),
    (TARGET + "client = 0", "datev_client_has_1_to_5_digits"),
    (TARGET + "account_length = 9", "datev_accounts_have_4_to_8_digits"),
    (TARGET + "fiscal_year_month = 13", "fiscal_year_begins_in_a_month"),
    (TARGET + "subsidiary = '=1'", "texts_of_a_target_begin_no_formula"),
    (TARGET + "tracking_category = E'a\\nb'", "texts_of_a_target_begin_no_formula"),
    (
        "INSERT INTO billing_account (seller_id, target, code, name, tax_key, contact)"
        " SELECT id, 'sap', '1', '', '', '' FROM customers_seller",
        "target_of_an_account_is_known",
    ),
    (ACCOUNT + "target = 'datev'", "account_of_a_locked_month_is_unchanged"),
    (ACCOUNT + "code = '', name = ''", "account_has_a_code_or_a_name"),
    *((ACCOUNT + f"{column} = '{text}'", "texts_of_an_account_begin_no_formula")
      for column in ("code", "name", "tax_key", "contact") for text in ("=1", "+1", "-1", "@1", " 1", "1 ")),
    (MAPPING + "role = 'other'", "role_of_a_mapping_is_known"),
    (MAPPING + "from_month = '2026-01-02'", "mapping_begins_on_a_first_of_a_month"),
    (MAPPING + "tax_rate = 19", "mapped_tax_rate_has_a_name"),
    (MAPPING + "tax_rate = 101, tax_name = 'VAT'", "mapped_tax_rate_is_0_to_100_percent"),
    (MAPPING + "tax_rate = 'NaN', tax_name = 'VAT'", "mapped_tax_rate_is_0_to_100_percent"),
    (MAPPING + "cost_center = '@1'", "cost_center_begins_no_formula"),
    (MAPPING + "target = 'sap'", "target_of_a_mapping_is_known"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "name"), ROWS)
def test_the_database_checks_accounts_and_mappings(statement, name):
    AccountingTarget.objects.create(seller=make_seller(), target="datev")
    map_role("revenue", make_account())
    assert refused_by(statement) == name


@pytest.mark.parametrize("text", ['"quoted"', "semi;colon", "Ümläut", "🚀", "0400", "a", "a=b", "日本"])
def test_the_database_takes_every_other_account(text):
    make_account()
    assert refused_by(ACCOUNT + "code = %s, name = %s", text, text) == "nothing"


def test_an_account_is_listed_once():
    make_account(code="4000", name="Revenue")
    for fields in ({"name": "Revenue"}, {"name": "Other"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            make_account(code="4000", **fields)
    make_account(code="4000", name="Revenue", target="datev")


def test_mappings_of_equal_specificity_never_overlap():
    account = make_account()
    map_role("revenue", account, country="DE")
    with pytest.raises(IntegrityError, match="mappings_of_equal_specificity_never_overlap"), transaction.atomic():
        map_role("revenue", make_account(code="2"), country="DE")
    map_role("revenue", account)


def test_a_mapping_uses_an_account_of_its_seller_and_target():
    with pytest.raises(Error, match="mapping_uses_an_account_of_its_target"), transaction.atomic():
        map_role("revenue", make_account(target="datev"), target="xero")
    foreign = make_account(make_seller("other"))
    mapping = AccountMapping.objects.filter(pk=map_role("revenue", make_account(code="1")).pk)
    with pytest.raises(Error, match="mapping_uses_an_account_of_its_target"), transaction.atomic():
        mapping.update(account=foreign)
    map_role("revenue", make_account(code="3"), target="xero")


def test_a_mapping_of_a_locked_month_changes_with_a_reason_only():
    seller = make_seller()
    mapping = map_role("revenue", make_account())
    lock = freeze(seller, [])
    change = f"{MAPPING}cost_center = 'A'{{}} WHERE id = {mapping.pk}"
    name = "mapping_of_a_locked_month_has_a_reason"
    assert refused_by(change.format("")) == name
    assert refused_by(change.format(", reason = 'Wrong.'")) == "nothing"
    assert refused_by(f"{MAPPING}from_month = '2026-02-01' WHERE id = {mapping.pk}") == name
    assert refused_by("DELETE FROM billing_accountmapping WHERE id = %s", mapping.pk) == name
    with pytest.raises(Error, match=name), transaction.atomic():
        map_role("revenue", mapping.account, country="DE", reason="")
    map_role("revenue", mapping.account, country="FR", reason="", since=lock.ends_at.date())
    unlock(lock)
    assert refused_by(change.format("")) == "nothing"


def test_an_account_of_a_locked_month_is_unchanged():
    mapping = map_role("revenue", make_account())
    unused = make_account(code="5000")
    freeze(make_seller(), [])
    change = f"{ACCOUNT}name = 'Other' WHERE id = "
    assert refused_by(f"{change}{mapping.account_id}") == "account_of_a_locked_month_is_unchanged"
    assert refused_by(f"{change}{unused.pk}") == "nothing"
    with pytest.raises(ProtectedError):
        mapping.account.delete()


@pytest.fixture
def batch():
    map_all_roles()
    freeze(make_seller(), [posting("receivable", "revenue", 5)])
    return make(make_seller())


COPY = """
INSERT INTO billing_exportbatch SELECT r.* FROM billing_exportbatch b,
    jsonb_populate_record(b, jsonb_build_object('id', 999999, 'first_number', 2) || %s::jsonb) r
"""
COPIES = [
    ('{"predecessor_id": null}', "later_batches_of_a_month_name_a_predecessor"),
    ('{"predecessor_id": null, "target": "sie", "first_number": 1}', "entry_number_is_given_once"),
    ('{"predecessor_id": null, "target": "sie", "entries": 0}', "batch_has_entries"),
    ('{"predecessor_id": null, "target": "sie", "first_number": 0}', "entries_are_numbered_from_one"),
    ('{"predecessor_id": null, "target": "sap"}', "target_of_a_batch_is_known"),
    ('{"predecessor_id": null, "target": "sie", "sha256": "x"}', "batch_has_digests"),
    ('{"predecessor_id": null, "target": "sie", "exchange_rate": 0}', "exchange_rate_of_a_batch_is_finite"),
    ('{"predecessor_id": null, "target": "sie", "exchange_rate": "NaN"}', "exchange_rate_of_a_batch_is_finite"),
    ('{"predecessor_id": null, "target": "sie", "lock_id": null}', "batch_is_only_imported"),
    ('{"predecessor_id": null, "target": "sie", "month": "2026-02-01"}', "batch_is_only_imported"),
    ('{"predecessor_id": null, "target": "sie", "state": "imported"}', "batch_is_only_imported"),
    ('{"predecessor_id": null, "target": "sie", "state": "provisional"}', "final_batch_has_a_lock"),
    (
        '{"predecessor_id": null, "lock_id": null, "target": "sie", "state": "provisional", "month": "2026-01-02"}',
        "batch_is_of_a_month",
    ),
    ('{"predecessor_id": null, "target": "sie", "imported_at": "2026-02-05T00:00Z"}', "imported_batch_says_when"),
    ('{"predecessor_id": null, "target": "sie"}', "nothing"),
]


@pytest.mark.parametrize(("changes", "name"), COPIES)
def test_the_database_checks_batches(batch, changes, name):
    assert refused_by(COPY, changes) == name


def test_a_batch_continues_one_of_its_month_target_and_currency(batch):
    successor = f'{{"predecessor_id": {batch.pk}%s}}'
    assert refused_by(COPY, successor % "") == "nothing"
    assert refused_by(COPY, successor % ', "currency": "EUR"') == "batch_is_only_imported"


def test_a_batch_of_an_unlocked_month_is_refused(batch):
    unlock(batch.lock)
    assert refused_by(COPY, '{"predecessor_id": null, "target": "sie"}') == "batch_is_only_imported"


BATCH = "UPDATE billing_exportbatch SET "
BATCH_CHANGES = [
    ("state = 'imported', imported_at = made_at", "nothing"),
    ("state = 'imported'", "imported_batch_says_when"),
    ("state = 'imported', imported_at = made_at, entries = 2", "batch_is_only_imported"),
    ("sha256 = repeat('0', 64)", "batch_is_only_imported"),
    ("rows = '[]'", "batch_is_only_imported"),
]


@pytest.mark.parametrize(("change", "name"), BATCH_CHANGES)
def test_a_batch_is_only_marked_as_imported(batch, change, name):
    assert refused_by(BATCH + change) == name


def test_an_imported_batch_stays_as_it_is(batch):
    ExportBatch.objects.update(state="imported", imported_at=AT)
    assert (
        refused_by("UPDATE billing_exportbatch SET state = 'final', imported_at = NULL") == "batch_is_only_imported"
    )
    assert refused_by("DELETE FROM billing_exportbatch") == "batch_is_only_imported"


@pytest.mark.parametrize("model", [ExportFile, ExportPart])
def test_files_are_append_only(batch, model):
    for change in (lambda rows: rows.update(number=2), lambda rows: rows._raw_delete("default")):
        with pytest.raises(Error, match="Cannot update or delete"), transaction.atomic():
            change(model.objects.all())


FILE = "INSERT INTO billing_exportfile (batch_id, number, name, size, sha256) VALUES (%s, {}, 'a', {}, '{}')"
FILES = [
    (FILE.format(1, 1, "0" * 64), "batch_has_each_file_once"),
    (FILE.format(0, 1, "0" * 64), "files_are_numbered_from_one"),
    (FILE.format(2, 0, "0" * 64), "accounting_file_is_bounded"),
    (FILE.format(2, 1, "0"), "accounting_file_has_a_digest"),
    (FILE.format(2, 1, "0" * 64), "nothing"),
]


@pytest.mark.parametrize(("statement", "name"), FILES)
def test_the_database_checks_files(batch, statement, name):
    assert refused_by(statement, batch.pk) == name


PART = "INSERT INTO billing_exportpart (file_id, number, content) VALUES (%s, {}, 'a')"


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "parts_are_numbered_from_one"), (1, "accounting_file_has_each_part_once"), (2, "nothing")],
)
def test_the_database_checks_parts(batch, number, name):
    assert refused_by(PART.format(number), batch.files.get().pk) == name


def test_a_second_seller_has_accounts_of_its_own():
    make_account(code="4000", name="Revenue")
    make_account(make_seller("other"), code="4000", name="Revenue")
    assert Account.objects.count() == 2
    AccountingTarget.objects.create(seller=make_seller(), target="datev")
    with pytest.raises(IntegrityError, match="seller_has_each_accounting_target_once"), transaction.atomic():
        AccountingTarget.objects.create(seller=make_seller(), target="datev")
