"""The balances with which a seller's books begin are entered from a file, until a month is locked."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from billing.models import OpeningBalance
from billing.revenue.ledger.opening_balances import (
    BalancesRefused,
    CellsRefused,
    EnteredBalance,
    enter_balances,
    read_balances,
)
from billing.revenue.reports.registry import read_report
from invoices.documents.locked_months import lock_month
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.builders import make_customer, make_seller

pytestmark = pytest.mark.django_db

FILE = "currency,role,amount\nUSD,cash,18400.00\nUSD,deferred,-1200.50\nJPY,receivable,300\n"
JANUARY, AT = date(2026, 1, 1), moment("2026-02-10")


def entered(text: str = FILE) -> list[EnteredBalance]:
    return read_balances(text.encode(), name="balances.csv")


def test_books_begin_with_the_balances_of_a_file(tmp_path, capsys):
    seller = make_seller()
    (tmp_path / "balances.csv").write_text(FILE)
    call_command("import_opening_balances", tmp_path / "balances.csv", seller=seller.code, month="2026-01")
    assert "3 balances entered; the books of Acme Inc. begin in January 2026" in capsys.readouterr().out
    report = read_report("trial-balance", seller, currency="USD", at=AT, since=JANUARY)
    closing = {str(row.values["role"]): row.values["closing"] for row in report.rows if row.values.get("role")}
    assert closing["cash"] == Decimal("18400.00")
    assert closing["deferred revenue"] == Decimal("-1200.50")
    assert closing["opening balances"] == Decimal("-17199.50")


def test_balances_are_replaced_until_a_month_is_locked():
    seller = make_seller()
    for text in (FILE, "currency,role,amount\nUSD,cash,5\n"):
        enter_balances(seller=seller, month=JANUARY, balances=entered(text), by=None, at=AT)
    assert [(each.role, each.amount) for each in OpeningBalance.objects.all()] == [("cash", 5)]
    lock_month(seller=seller, month=JANUARY, checklist=[], note="", by=None, at=AT)
    with pytest.raises(BalancesRefused, match="January 2026 is locked"):
        enter_balances(seller=seller, month=JANUARY, balances=entered(), by=None, at=AT)
    assert OpeningBalance.objects.get().amount == 5


def test_books_begin_no_later_than_their_first_document():
    customer = make_customer()
    issue_invoice(customer, [line("31.00", "2026-01-01", "2026-02-01")], at="2026-01-01")
    for month, problem in (
        (date(2026, 2, 1), "has documents of January 2026"),
        (date(2026, 3, 1), "is in the future"),
    ):
        with pytest.raises(BalancesRefused, match=problem):
            enter_balances(seller=customer.seller, month=month, balances=entered(), by=None, at=AT)
    assert not OpeningBalance.objects.exists()


WRONG = [
    # row                  problem
    ("usd,cash,1", "“usd” is not an ISO 4217 currency"),
    ("USD,revenue,1", "“revenue” is not one of: receivable, cash"),
    ("USD,cash,1.005", "USD has fewer decimal places than “1.005”"),
    ("USD,cash,NaN", "“NaN” is not an amount"),
    ("USD,deferred,7", "Another row has the same currency and role"),
]


@pytest.mark.parametrize(("row", "problem"), WRONG)
def test_a_wrong_cell_is_named_and_nothing_is_stored(row, problem):
    with pytest.raises(CellsRefused, match=problem) as refused:
        entered(f"currency,role,amount\nUSD,deferred,-1\n{row}\n")
    assert refused.value.problems[0].row == 3


@pytest.mark.parametrize(("seller", "month"), [("nobody", "2026-01"), ("acme", "January")])
def test_a_wrong_option_is_named(seller, month, tmp_path):
    make_seller()
    (tmp_path / "balances.csv").write_text(FILE)
    with pytest.raises(CommandError, match=r"is no seller|is not a month"):
        call_command("import_opening_balances", tmp_path / "balances.csv", seller=seller, month=month)
