"""The worked numbers of docs/metering.md#corrections, as the system counts them."""

from decimal import Decimal

import pytest

from billing.metering.usage.current_usage import current_usage
from tests.aggregation.test_worked_numbers import rows
from tests.billing.metering.corrections.correction_setup import make_fully_metered_subscription, replace, sample, void
from tests.billing.metering.ingest.ingest_setup import send
from tests.billing.metering.ingest.request_parser import NOW
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage", "invoices", "wallets")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

TABLE = rows("corrections")


def documented(column: str) -> dict[str, Decimal]:
    return {row["aggregation"]: Decimal(row[column]) for row in TABLE}


def counted() -> dict[str, Decimal]:
    (period,) = current_usage(customer="acme", sandbox=False, at=NOW)
    used_by_feature = {feature.terms.code: feature.used for feature in period.features}
    return {row["aggregation"]: used_by_feature[row["aggregation"]] for row in TABLE}


@pytest.fixture(autouse=True)
def three_values():
    make_fully_metered_subscription()
    hours = {"4": "09", "10": "10", "1": "11"}
    send(*(sample(value, f"2026-03-10T{hour}:00:00Z", value, user=value) for value, hour in hours.items()))
    assert counted() == documented("of 4, 10 and 1")


def test_a_value_is_voided():
    void("10")
    assert counted() == documented("10 is voided")


def test_a_value_is_replaced():
    replace("1", sample("7", "2026-03-10T08:00:00Z", "7", user="7"))
    assert counted() == documented("1 is replaced by 7 at 08:00")
