"""Usage is earned when it happens, whenever its period is invoiced: docs/recognition.md#usage."""

import pytest

from billing.models import AccruedAmount
from tests.billing.revenue.accruals.accrual_setup import accrue_at, close, metered, priced, revenue, subscribed, use
from tests.billing.revenue.book_setup import changes
from tests.builders import tier
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

GRADUATED = [tier(100, "1.00"), tier(None, "0.50")]


def test_a_sum_is_earned_in_the_months_of_its_events():
    """The golden case stripe-metered-sum, seven years later."""
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")])
    use(subscription, feature, 15, "2026-01-25")
    use(subscription, feature, 17, "2026-02-04")
    seller = subscription.customer.seller
    assert revenue(seller, "2026-02-10") == {"2026-01": "15.00", "2026-02": "17.00"}
    assert changes(seller, "unbilled", at="2026-02-10") == {"2026-01": "15.00", "2026-02": "17.00"}
    close("2026-02-15T02:00")
    assert revenue(seller, "2026-03-01T12:00") == {"2026-01": "15.00", "2026-02": "17.00"}
    assert changes(seller, "unbilled", at="2026-03-01T12:00") == {"2026-01": "15.00", "2026-02": "-15.00"}
    assert changes(seller, "receivable", at="2026-03-01T12:00") == {"2026-02": "32.00"}


def test_a_latest_value_is_earned_as_it_stands():
    """The golden case stripe-metered-last, seven years later."""
    feature = metered("latest")
    subscription = subscribed([priced(feature, "1.00")])
    for quantity, at in ((17, "2026-01-25"), (10, "2026-01-27"), (15, "2026-02-04")):
        use(subscription, feature, quantity, at)
    close("2026-02-15T02:00")
    assert revenue(subscription.customer.seller, "2026-03-01T12:00") == {"2026-01": "10.00", "2026-02": "5.00"}


@pytest.mark.parametrize(
    ("aggregation", "events", "january", "february"),
    [
        ("max", [(10, "2026-01-20"), (15, "2026-02-04"), (3, "2026-02-05")], "10.00", "5.00"),
        ("min", [(10, "2026-01-20"), (4, "2026-02-04")], "10.00", "-6.00"),
        ("average", [(10, "2026-01-20"), (4, "2026-02-04")], "10.00", "-3.00"),
        (
            "unique",
            [("a", "2026-01-20"), ("b", "2026-01-21"), ("a", "2026-02-04"), ("c", "2026-02-05")],
            "2.00",
            "1.00",
        ),
        ("count", [(1, "2026-01-20"), (1, "2026-01-31T23:59"), (1, "2026-02-01")], "2.00", "1.00"),
        # A level of 31 from 16 January: 16 days of January, and 14 of February, of a period of 31 days.
        ("weighted_sum", [(31, "2026-01-16")], "16.00", "14.00"),
    ],
)
def test_every_aggregation_is_rated_as_it_stands(aggregation, events, january, february):
    feature = metered(aggregation)
    subscription = subscribed([priced(feature, "1.00")])
    for quantity, at in events:
        use(subscription, feature, quantity, at)
    close("2026-02-15T02:00")
    assert revenue(subscription.customer.seller, "2026-03-01T12:00") == {"2026-01": january, "2026-02": february}


@pytest.mark.parametrize("row", rows("recognition.md", "Usage"), ids=lambda row: row["price"])
def test_a_month_earns_the_difference_of_two_ratings(row):
    feature = metered()
    subscription = subscribed(
        [priced(feature, tiers=GRADUATED, model="" if row["price"] == "graduated" else "volume")]
    )
    use(subscription, feature, row["used in January"], "2026-01-25")
    use(subscription, feature, row["used in February"], "2026-02-04")
    close("2026-02-15T02:00")
    assert revenue(subscription.customer.seller, "2026-03-01T12:00") == {
        "2026-01": row["January earns"],
        "2026-02": row["February earns"],
    }


def test_running_usage_is_earned_up_to_now():
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")])
    use(subscription, feature, 5, "2026-01-20")
    seller = subscription.customer.seller
    assert revenue(seller, "2026-01-21") == {"2026-01": "5.00"}
    use(subscription, feature, 6, "2026-01-22")
    assert revenue(seller, "2026-01-23") == {"2026-01": "11.00"}
    assert accrue_at(seller, "2026-01-23").computed == 0
    assert AccruedAmount.objects.get().is_uninvoiced is False
