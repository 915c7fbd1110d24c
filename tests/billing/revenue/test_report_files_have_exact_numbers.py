"""Report files have every digit of an amount, without padding zeros."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.revenue.reports.table import Report, ReportColumn, Row

AMOUNTS = [
    # amount                     currency  written
    ("467.9200000000000000", "USD", "467.92"),
    ("0E-20", "USD", "0.00"),
    ("0.123456", "USD", "0.123456"),
    ("8.0000", "JPY", "8"),
]


@pytest.mark.parametrize(("amount", "currency", "written"), AMOUNTS)
def test_an_amount_ends_with_the_minor_unit_or_its_last_digit(amount, currency, written):
    columns, rows = [ReportColumn("cost", "Cost")], [Row({"cost": Decimal(amount)})]
    report = Report("margin", currency, datetime(2026, 1, 1, tzinfo=UTC), columns, rows)
    assert report.as_json()["rows"] == [{"cost": written}]
