"""The tables of docs/accounting-files.md are what the code does."""

from decimal import Decimal as D

import pytest

from billing.models.accounting_files import NARROWINGS, Target
from billing.revenue.accounting_files.batch_rows import parse_rows
from billing.revenue.accounting_files.formats.journal import JournalLine, LedgerAccount, cut_into_pairs
from billing.revenue.accounting_files.formats.targets import WRITERS
from billing.revenue.accounting_files.formats.texts import encodable
from tests.billing.revenue.accounting_files.account_builders import make, map_all_roles
from tests.billing.revenue.frozen_months import freeze, posting, unlock
from tests.builders import make_seller
from tests.docs_tables import rows

PAGE = "accounting-files.md"


def test_the_page_ranks_the_narrowing_fields():
    assert [row["field"] for row in rows(PAGE, "Mapping")] == list(NARROWINGS)


def test_the_page_lists_the_targets():
    listed = {row["target"]: row for row in rows(PAGE, "Targets")}
    assert list(listed) == list(WRITERS) == Target.values
    for target, writer in WRITERS.items():
        assert listed[target]["finds accounts by"] == ("name" if writer.identifies_by_name else "code")
        assert (listed[target]["currencies"] == "the seller's") is writer.is_in_book_currency


@pytest.mark.parametrize("row", rows(PAGE, "Pairs"))
def test_the_page_cuts_entries_into_pairs(row):
    lines = [JournalLine(LedgerAccount(f"d{at}", ""), D(text)) for at, text in enumerate(row["debits"].split())]
    lines += [JournalLine(LedgerAccount(f"c{at}", ""), -D(text)) for at, text in enumerate(row["credits"].split())]
    assert " ".join(str(pair.amount) for pair in cut_into_pairs(lines)) == row["pairs"]


@pytest.mark.parametrize("row", rows(PAGE, "Characters"))
def test_the_page_transliterates(row):
    assert encodable(row["text"], row["encoding"]) == row["written"]


@pytest.mark.django_db
def test_the_page_shows_a_difference():
    seller, table = make_seller(), rows(PAGE, "Batches")
    map_all_roles()
    for step, column in (("first lock", "first batch"), ("second lock", "second batch")):
        lock = freeze(
            seller,
            [
                posting(row["debit"], row["credit"], row["posted"], source_id=number)
                for number, row in enumerate(table)
                if row["step"] == step
            ],
        )
        found = {
            (key.debit_role, key.credit_role): amount
            for key, amount in parse_rows(make(seller).rows).items()
            if amount
        }
        assert found == {(row["debit"], row["credit"]): D(row[column]) for row in table if row[column]}
        unlock(lock)
