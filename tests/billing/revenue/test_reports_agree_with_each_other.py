"""Each report is another sum of the same postings: docs/revenue-reports.md."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from billing.revenue.reports.registry import REPORTS, read_report
from tests.billing.revenue.book_setup import moment

pytestmark = pytest.mark.django_db
D = Decimal
AT = moment("2026-04-10")


def rows(seller, code, **options):
    return read_report(code, seller, currency="EUR", at=AT, **options).rows


def test_the_trial_balance_is_zero(seller):
    (*_, total) = rows(seller, "trial-balance", since=date(2026, 1, 1), until=date(2026, 4, 1))
    assert total.values["closing"] == 0
    assert total.values["debits"] == total.values["credits"] > 0


def test_waterfall_columns_are_income_and_rows_what_was_booked(seller):
    income = {row.values["month"]: row.values for row in rows(seller, "income")}
    by_row = {row.values["booked"]: row.values for row in rows(seller, "waterfall")}
    total = by_row["lines"]
    for month, values in income.items():
        from_lines = sum(
            amount for code, amount in values.items() if code.startswith("kind:") and code != "kind:credit_notes"
        )
        assert total[f"earned:{month:%Y-%m}"] == from_lines
        assert by_row["income"][f"earned:{month:%Y-%m}"] == values["income"]
    assert total["deferred"] == rows(seller, "deferred")[0].values["closing"]
    assert total["total"] == total["earned"] + total["deferred"]


def test_roll_forwards_close_where_the_next_month_opens(seller):
    for code in ("deferred", "prepaid", "unbilled", "receivables"):
        report = rows(seller, code)[::-1]
        for before, after in pairwise(report):
            assert before.values["closing"] == after.values["opening"], code
    deferred = rows(seller, "deferred")[0].values
    assert deferred["current"] + deferred["long_term"] == deferred["closing"]


def test_aging_is_the_balance_of_receivables(seller):
    assert rows(seller, "aging")[-1].values["total"] == rows(seller, "receivables")[0].values["closing"]


@pytest.mark.parametrize("code", REPORTS)
def test_every_report_is_also_json(seller, code):
    report = read_report(code, seller, currency="EUR", at=AT).as_json()
    assert report["as_of"] == AT.isoformat()
    assert all(list(row) == report["columns"] for row in report["rows"])
