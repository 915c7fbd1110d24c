"""While a promise runs, its customer sees what is reached and what is missing."""

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
    commitment,
    make_customer,
    make_plan,
    offer,
    promise,
    publish,
    rate,
    subscribe,
    use,
)
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def promised(*, starts_at: datetime = JAN, currency: str = "USD", **figures: Any) -> Subscription:
    offers = [offer("api.calls", rates=[rate("1")], currency=currency)]
    version = publish(make_plan(offers=offers, commitments=[commitment(currency=currency, **figures)]))
    return subscribe(make_customer(currency=currency), version, starts_at=starts_at)


def progress(subscription: Subscription, *, at: datetime) -> CommitmentProgress:
    (found,) = read_commitment_progress(
        current_usage(customer=subscription.customer.external_id, sandbox=False, at=at)
    ).values()
    return found


def figures(one: CommitmentProgress) -> tuple[Decimal, Decimal, Decimal]:
    return one.promised, one.reached, one.missing


@pytest.mark.parametrize("row", rows("closing.md", "progress"), ids=lambda row: row["why"])
def test_of_a_contract_over_a_quarter(row):
    starts_at = datetime.fromisoformat(f"{row['starts']}T00:00+00:00")
    subscription = promised(minimum=300, periods=3, starts_at=starts_at)
    months = [starts_at, FEB, MAR]
    for start, used in zip(months, row["used"].split(", "), strict=False):
        close_due(at=start + DAY)
        use(subscription, "api.calls", used, at=start + 2 * DAY)
    at = months[len(row["used"].split(", ")) - 1] + 3 * DAY
    found = progress(subscription, at=at)
    assert figures(found) == tuple(Decimal(row[one]) for one in ("promised", "reached", "missing"))
    assert (found.starts_at, found.ends_at, found.periods) == (starts_at, APR, 3)


def test_of_a_stub_is_its_part():
    subscription = promised(minimum=31, starts_at=JAN + 21 * DAY)
    use(subscription, "api.calls", 4)
    found = progress(subscription, at=JAN + 22 * DAY)
    assert (*figures(found), found.ends_at) == (10, 4, 6, FEB)


def test_of_what_is_agreed_with_the_subscription_alone():
    subscription = promised(minimum=31)
    promise(subscription, 500, at=JAN, starts_at=JAN)
    assert figures(progress(subscription, at=JAN + DAY)) == (500, 0, 500)


def test_ends_with_the_subscription():
    subscription = promised(minimum=300, periods=3)
    Subscription.objects.filter(pk=subscription.pk).update(ends_at=MAR)
    assert progress(subscription, at=JAN + DAY).ends_at == MAR


def test_is_none_where_nothing_was_promised_and_costs_no_question():
    subscription = subscribe(make_customer(), publish(make_plan(offers=[offer("api.calls", rates=[rate("1")])])))
    running = current_usage(customer=subscription.customer.external_id, sandbox=False, at=JAN + DAY)
    with CaptureQueriesContext(connection) as captured:
        assert read_commitment_progress(running) == {}
    assert len(captured) == 0


def test_is_told_in_each_subscriptions_currency_in_a_fixed_number_of_questions():
    customer = make_customer("acme")
    asked = []
    with time_machine.travel(JAN + DAY, tick=False):
        caller = Caller()
        for number, currency in enumerate(["USD", "JPY", "KWD"], start=1):
            offers = [offer(f"feature-{currency}", rates=[rate("1")], currency=currency)]
            figures = [commitment(100 * number, currency=currency, periods=3)]
            subscription = subscribe(
                customer, publish(make_plan(offers=offers, commitments=figures)), currency=currency
            )
            use(subscription, f"feature-{currency}", 60)
            caller.get("/customers/acme/usage")
            with CaptureQueriesContext(connection) as captured:
                told = caller.get("/customers/acme/usage").json()["periods"]
            asked.append(len(captured))
    assert asked[0] == asked[1] == asked[2]
    assert [one["commitment"]["missing"] for one in told] == [
        {"amount": "40.00", "currency": "USD"},
        {"amount": "140", "currency": "JPY"},
        {"amount": "240.000", "currency": "KWD"},
    ]
    assert told[0]["commitment"] == {
        "promised": {"amount": "100.00", "currency": "USD"},
        "reached": {"amount": "60.00", "currency": "USD"},
        "missing": {"amount": "40.00", "currency": "USD"},
        "periods": 3,
        "start": "2026-01-01T00:00:00Z",
        "end": "2026-04-01T00:00:00Z",
        "trues_up": True,
    }
