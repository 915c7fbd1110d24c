"""Months end by the seller's calendar, whatever the customer's: docs/recognition.md#usage."""

import pytest

from tests.billing.revenue.accruals.accrual_setup import close, metered, priced, revenue, subscribed, use
from tests.builders import make_customer, make_seller

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("seller_zone", "customer_zone", "start", "before", "after", "closed", "months"),
    [
        # 45 minutes off: the hour begins at 18:15 UTC.
        (
            "Asia/Kathmandu",
            "Asia/Kathmandu",
            "2026-01-15",
            "2026-01-31T18:14",
            "2026-01-31T18:15",
            "2026-02-16",
            ("2026-01", "2026-02"),
        ),
        # The customer's hour from 18:00 UTC begins in the seller's January, so all of it belongs to January.
        (
            "Asia/Kathmandu",
            "UTC",
            "2026-01-15",
            "2026-01-31T18:59",
            "2026-01-31T19:00",
            "2026-02-16",
            ("2026-01", "2026-02"),
        ),
        # October 2025 has an hour more in Berlin, and ends at 23:00 UTC.
        (
            "Europe/Berlin",
            "Europe/Berlin",
            "2025-10-15",
            "2025-10-31T22:59",
            "2025-10-31T23:00",
            "2025-11-16",
            ("2025-10", "2025-11"),
        ),
        # March 2025 has an hour less, and ends at 22:00 UTC.
        (
            "Europe/Berlin",
            "America/New_York",
            "2025-03-15",
            "2025-03-31T21:59",
            "2025-03-31T22:00",
            "2025-04-16",
            ("2025-03", "2025-04"),
        ),
    ],
)
def test_usage_around_the_end_of_a_month(seller_zone, customer_zone, start, before, after, closed, months):
    seller = make_seller("zoned", currency="EUR", time_zone=seller_zone)
    customer = make_customer(seller=seller, currency="EUR", time_zone=customer_zone)
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")], starts_at=start, customer=customer)
    use(subscription, feature, 3, before)
    use(subscription, feature, 4, after)
    close(closed)
    assert revenue(seller, f"{closed}T12:00") == dict(zip(months, ("3.00", "4.00"), strict=True))
