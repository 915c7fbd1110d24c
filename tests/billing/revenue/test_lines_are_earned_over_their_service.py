"""Lines are earned over their service period: docs/recognition.md#schedules."""

from datetime import date
from decimal import Decimal as D

import pytest

from tests.billing.revenue.book_setup import changes, coupon, issue_invoice, line
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


@pytest.mark.parametrize(
    ("since", "discounts"),
    [
        (date(2025, 1, 1), {"2026-01": "3.10", "2026-02": "2.80"}),
        (date(2026, 2, 1), {"2026-02": "2.80"}),
        (date(2026, 3, 1), {}),
        (None, {}),
    ],
)
def test_coupons_are_booked_apart_from_the_month_that_the_seller_chose(since, discounts):
    """A month that the books have not reached yet changes nothing in the running one."""
    customer = make_customer()
    customer.seller.discounts_apart_from = since
    customer.seller.save(update_fields=["discounts_apart_from"])
    sold = line("90.00", "2026-01-01", "2026-04-01")
    discount, share = coupon("9.00", sold)
    issue_invoice(customer, [sold, discount], at="2026-01-01", shares=[share])
    at = "2026-02-28T23:59:59.999999"
    assert changes(customer.seller, "discounts", at=at) == discounts
    assert sum(map(D, changes(customer.seller, "revenue", at=at).values())) == D("53.10") + sum(
        map(D, discounts.values())
    )
