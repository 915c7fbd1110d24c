"""While a commitment runs, its customer sees the reached and the missing amount."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.closing import close_due
from billing.closing.commitments.progress import CommitmentProgress, read_commitment_progress
from billing.metering.usage.current_usage import current_usage
from billing.models import Subscription
from tests.api.calls import Caller
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    add_commitment,
    commitment,
    make_customer,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def committed(*, starts_at: datetime = JAN, currency: str = "USD", **terms: Any) -> Subscription:
    offers = [offer("api.calls", rates=[rate("1")], currency=currency)]
    version = publish(make_plan(offers=offers, commitments=[commitment(currency=currency, **terms)]))
    return subscribe(make_customer(currency=currency), version, starts_at=starts_at)


def progress(subscription: Subscription, *, at: datetime) -> CommitmentProgress:
    (commitment_progress,) = read_commitment_progress(
        current_usage(customer=subscription.customer.external_id, sandbox=False, at=at)
    ).values()
    return commitment_progress


def amounts(commitment_progress: CommitmentProgress) -> tuple[Decimal, Decimal, Decimal]:
    return commitment_progress.promised, commitment_progress.reached, commitment_progress.missing


@pytest.mark.parametrize("row", rows("closing.md", "progress"), ids=lambda row: row["why"])
def test_progress_of_a_contract_over_a_quarter(row):
    starts_at = datetime.fromisoformat(f"{row['starts']}T00:00+00:00")
    subscription = committed(minimum=300, periods=3, starts_at=starts_at)
    months = [starts_at, FEB, MAR]
    for start, used in zip(months, row["used"].split(", "), strict=False):
        close_due(at=start + DAY)
        use(subscription, "api.calls", used, at=start + 2 * DAY)
    at = months[len(row["used"].split(", ")) - 1] + 3 * DAY
    reported = progress(subscription, at=at)
    assert amounts(reported) == tuple(Decimal(row[name]) for name in ("minimum", "reached", "missing"))
    assert (reported.starts_at, reported.ends_at, reported.periods) == (starts_at, APR, 3)


def test_progress_of_a_stub_period_is_prorated():
    subscription = committed(minimum=31, starts_at=JAN + 21 * DAY)
    use(subscription, "api.calls", 4)
    reported = progress(subscription, at=JAN + 22 * DAY)
    assert (*amounts(reported), reported.ends_at) == (10, 4, 6, FEB)


def test_progress_of_the_subscriptions_own_commitment():
    subscription = committed(minimum=31)
    add_commitment(subscription, 500, at=JAN, starts_at=JAN)
    assert amounts(progress(subscription, at=JAN + DAY)) == (500, 0, 500)


def test_progress_ends_with_the_subscription():
    subscription = committed(minimum=300, periods=3)
    Subscription.objects.filter(pk=subscription.pk).update(ends_at=MAR)
    assert progress(subscription, at=JAN + DAY).ends_at == MAR


def test_without_a_commitment_there_is_no_progress_and_no_query():
    subscription = subscribe(make_customer(), publish(make_plan(offers=[offer("api.calls", rates=[rate("1")])])))
    running = current_usage(customer=subscription.customer.external_id, sandbox=False, at=JAN + DAY)
    with CaptureQueriesContext(connection) as captured:
        assert read_commitment_progress(running) == {}
    assert len(captured) == 0


def test_progress_is_in_each_subscriptions_currency_in_a_fixed_number_of_queries():
    customer = make_customer("acme")
    query_counts = []
    with time_machine.travel(JAN + DAY, tick=False):
        caller = Caller()
        for number, currency in enumerate(["USD", "JPY", "KWD"], start=1):
            offers = [offer(f"feature-{currency}", rates=[rate("1")], currency=currency)]
            commitments = [commitment(100 * number, currency=currency, periods=3)]
            subscription = subscribe(
                customer, publish(make_plan(offers=offers, commitments=commitments)), currency=currency
            )
            use(subscription, f"feature-{currency}", 60)
            caller.get("/customers/acme/usage")
            with CaptureQueriesContext(connection) as captured:
                periods = caller.get("/customers/acme/usage").json()["periods"]
            query_counts.append(len(captured))
    assert query_counts[0] == query_counts[1] == query_counts[2]
    assert [period["commitment"]["missing"] for period in periods] == [
        {"amount": "40.00", "currency": "USD"},
        {"amount": "140", "currency": "JPY"},
        {"amount": "240.000", "currency": "KWD"},
    ]
    assert periods[0]["commitment"] == {
        "promised": {"amount": "100.00", "currency": "USD"},
        "reached": {"amount": "60.00", "currency": "USD"},
        "missing": {"amount": "40.00", "currency": "USD"},
        "periods": 3,
        "start": "2026-01-01T00:00:00Z",
        "end": "2026-04-01T00:00:00Z",
        "trues_up": True,
    }
