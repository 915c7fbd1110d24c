"""Which mapping applies: the target first, then the narrowing fields in their order, then the latest month."""

from datetime import date
from decimal import Decimal as D

import pytest

from billing.models.accounting_files import NARROWINGS
from billing.revenue.accounting_files.account_rules import PostingKey, read_account_rules
from billing.revenue.accounting_files.batches import MappingIncomplete, list_unmapped_amounts
from tests.billing.revenue.accounting_files.account_builders import (
    AT,
    JANUARY,
    files_of,
    make,
    make_account,
    map_all_roles,
    map_role,
)
from tests.billing.revenue.accounting_files.file_readers import READERS
from tests.billing.revenue.frozen_months import freeze, posting
from tests.builders import fee, make_customer, make_feature, make_pack, make_plan, make_seller

pytestmark = pytest.mark.django_db

KEY = PostingKey("receivable", "revenue", "fee", 1, 2, "base-fee", 3, "DE", "VAT", D(19), "stripe", "resellers")


def account_code(key=KEY, *, target="journal", month=JANUARY, role="revenue"):
    found = read_account_rules(seller=make_seller(), target=target, month=month).account_of(role, key)
    return found.code if found else None


def narrowed(name, code):
    """Map revenue to an account, narrowed by one field to the value of `KEY`."""
    values = {
        "plan": {"plan": make_plan().plan}, "feature": {"feature": make_feature()}, "pack": {"pack": make_pack()},
        "tax_rate": {"tax_name": "VAT", "tax_rate": D(19)},
    }  # fmt: skip
    return map_role("revenue", make_account(code=code), **values.get(name, {name: getattr(KEY, name)}))


def test_the_narrowing_fields_decide_in_their_order():
    key = KEY
    map_role("revenue", make_account(code="0"))
    assert account_code() == "0"
    for number, name in enumerate(reversed(NARROWINGS), start=1):
        mapping = narrowed(name, str(number))
        if name in ("plan", "feature", "pack"):
            key = key._replace(**{name: getattr(mapping, f"{name}_id")})
        assert account_code(key) == str(number), name


def test_a_mapping_of_the_target_precedes_one_for_all_targets():
    map_role("revenue", make_account(code="8400", target="datev"))
    map_role("revenue", make_account(code="4000"), customer_group="resellers")
    assert (account_code(target="datev"), account_code(target="journal")) == ("8400", "4000")


def test_a_mapping_applies_from_its_month_until_the_next_one():
    for since, code in ((date(2025, 1, 1), "1"), (date(2026, 2, 1), "2")):
        map_role("revenue", make_account(code=code), since=since)
    months = [date(2024, 12, 1), date(2025, 1, 1), JANUARY, date(2026, 2, 1)]
    assert [account_code(month=month) for month in months] == [None, "1", "1", "2"]


def test_another_value_is_no_match():
    map_role("revenue", make_account(code="1"), country="FR")
    assert account_code() is None
    assert account_code(role="receivable") is None


def test_a_fee_is_found_by_its_code_in_every_version():
    version = make_plan(fees=[fee("9", code="base-fee"), fee("5", code="setup", kind="one_time")])
    map_all_roles()
    map_role("revenue", make_account(code="4711"), fee="setup")
    ids = {row.code: row.pk for row in version.fees.all()}
    seller = make_seller()
    freeze(
        seller,
        [
            posting("receivable", "revenue", amount, fee_id=ids[code])
            for code, amount in (("setup", 5), ("base-fee", 9))
        ],
    )
    assert READERS["journal"](files_of(make(seller)))["4711"] == D(-5)


@pytest.mark.parametrize("is_detailed", [False, True])
def test_a_customers_group_narrows_a_mapping(is_detailed):
    seller = make_seller()
    map_all_roles()
    map_role("revenue", make_account(code="4711"), customer_group="intercompany")
    sister = make_customer(accounting_group="intercompany")
    other = make_customer()
    freeze(
        seller,
        [
            posting("receivable", "revenue", 5, customer_id=sister.pk, source_id=1),
            posting("receivable", "revenue", 9, customer_id=other.pk, source_id=2),
        ],
    )
    assert READERS["journal"](files_of(make(seller, is_detailed=is_detailed)))["4711"] == D(-5)


def test_unmapped_amounts_are_listed_and_no_file_is_made():
    seller = make_seller()
    map_role("receivable", make_account(code="1200"))
    freeze(
        seller,
        [
            posting("receivable", "revenue", 5, kind="fee", country="DE"),
            posting("receivable", "revenue", 7, kind="fee", country="DE", source_id=2),
            posting("receivable", "breakage", "118.75", source_id=3),
        ],
    )
    with pytest.raises(MappingIncomplete, match=r"breakage: -118\.75 USD") as refusal:
        make(seller)
    rows = [(row.role, row.narrowing, row.amount, row.postings) for row in refusal.value.unmapped]
    assert rows == [
        ("breakage", {}, D("-118.75"), 1), ("revenue", {"kind": "fee", "country": "DE"}, D(-12), 2),
    ]  # fmt: skip
    listed = list_unmapped_amounts(seller=seller, month=JANUARY, targets=["journal"], at=AT)["journal"]
    assert listed == {"USD": refusal.value.unmapped}
    assert not seller.export_batches.exists()


def test_an_account_that_the_target_cannot_take_counts_as_unmapped():
    seller = make_seller()
    map_all_roles(contact="")
    freeze(seller, [posting("receivable", "revenue", 5)])
    with pytest.raises(MappingIncomplete, match="customer's name on lines of receivables"):
        make(seller, "quickbooks")
