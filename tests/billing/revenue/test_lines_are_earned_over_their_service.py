"""Lines are earned over their service period: docs/recognition.md#schedules."""

import pytest

from tests.billing.revenue.book_setup import changes, issue_invoice, line
from tests.builders import make_customer

pytestmark = pytest.mark.django_db


def test_a_quarter_is_earned_by_the_second_and_sums_to_its_net():
    customer = make_customer()
    issue_invoice(customer, [line("100.00", "2026-01-01", "2026-04-01")], at="2026-01-01")
    assert changes(customer.seller, "revenue", at="2026-05-10") == {
        "2026-01": "34.44",
        "2026-02": "31.12",
        "2026-03": "34.44",
    }
    assert changes(customer.seller, "deferred", at="2026-05-10") == {
        "2026-01": "65.56",
        "2026-02": "-31.12",
        "2026-03": "-34.44",
    }


def test_a_line_in_arrears_is_unbilled_until_its_invoice():
    customer = make_customer()
    issue_invoice(customer, [line("5.00", "2026-01-01", "2026-02-01")], at="2026-01-01")
    issue_invoice(customer, [line("31.00", "2026-01-15", "2026-02-15")], at="2026-02-15")
    assert changes(customer.seller, "unbilled", at="2026-03-10") == {"2026-01": "17.00", "2026-02": "-17.00"}
    assert changes(customer.seller, "revenue", at="2026-03-10") == {"2026-01": "22.00", "2026-02": "14.00"}
