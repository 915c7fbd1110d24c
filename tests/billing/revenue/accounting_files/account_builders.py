"""Small builders of accounts, mappings and batches."""

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from billing.models import Account, AccountingTarget, AccountMapping, ExportBatch
from billing.models.postings import Role
from billing.revenue.accounting_files.batches import make_batch
from billing.revenue.accounting_files.file_store import read_file
from customers.models import Seller
from tests.billing.revenue.accounting_files.file_readers import Files, Sums
from tests.builders import make_seller
from tests.deferred_checks import check_deferred

AT = datetime(2026, 2, 4, 10, tzinfo=UTC)
JANUARY = date(2026, 1, 1)
SINCE = date(2020, 1, 1)

CODES = {role: f"{1000 + 100 * number}" for number, role in enumerate(Role.values)}
"""An account's code for each role."""

NAMES = {role: f"{'Assets' if number < 4 else 'Income'}:{Role(role).label.title().replace(' ', '')}"
         for number, role in enumerate(Role.values)}  # fmt: skip
"""A name that every target takes."""


def make_account(seller: Seller | None = None, *, code: str = "4000", name: str = "", **fields: Any) -> Account:
    return Account.objects.create(seller=seller or make_seller(), code=code, name=name or f"Account {code}", **fields)


def map_role(role: str, account: Account, *, since: date = SINCE, **fields: Any) -> AccountMapping:
    fields = {"reason": "Set up for a test.", "target": account.target, **fields}
    return AccountMapping.objects.create(
        seller=account.seller, role=role, account=account, from_month=since, **fields
    )


def map_all_roles(seller: Seller | None = None, *, tax_key: str = "", contact: str = "Customers") -> None:
    """Map every role to an account of its own, which every target takes but DATEV and Xero, for their tax keys."""
    for role in Role.values:
        account = make_account(seller, code=CODES[role], name=NAMES[role], tax_key=tax_key, contact=contact)
        map_role(role, account)


def set_up_datev(seller: Seller, **fields: Any) -> AccountingTarget:
    return AccountingTarget.objects.create(
        seller=seller, target="datev", **{"consultant": 1001, "client": 7, "chart": "03", **fields}
    )


def make(seller: Seller, target: str = "journal", currency: str = "USD", **fields: Any) -> ExportBatch:
    arguments = {"month": JANUARY, "by": None, "at": AT, **fields}
    batch = make_batch(seller=seller, target=target, currency=currency, **arguments)
    check_deferred()
    return batch


def files_of(batch: ExportBatch) -> Files:
    return {file.name: b"".join(read_file(file)) for file in batch.files.order_by("number")}


def signed_sums(*postings: dict[str, Any]) -> Sums:
    """Return the sum of each role's account over postings; debits are above zero."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in postings:
        sums[CODES[row["debit"]]] += row["amount"]
        sums[CODES[row["credit"]]] -= row["amount"]
    return {code: amount for code, amount in sums.items() if amount}
