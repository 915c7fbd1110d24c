"""Credits included with a plan: used, rolled over, expired, and prorated when the customer cancels in mid-period."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from billing import subscriptions
from billing.closing import close_due
from billing.tasks import grant_included_credits
from lib.currencies import CREDITS
from tests.api.calls import Caller
from tests.builders import fee, included, make_feature, make_meter, make_plan, make_seller, offer, publish, rate
from wallets.models import Wallet
from wallets.tasks import expire_lots

pytestmark = pytest.mark.django_db

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def day(month: int, number: int, hour: int = 0) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


def run_due_tasks(at: datetime, monkeypatch) -> None:
    """Run the tasks that are due at a time, with that time as the database's."""
    monkeypatch.setattr("lib.task_clock.database_time", lambda: at)
    subscriptions.generate_periods(until=at + 2 * HOUR)
    grant_included_credits()
    expire_lots()
    close_due(at=at)


def use_credits(caller: Caller, name: str, units: int, *, at: datetime, sent_at: datetime | None = None) -> None:
    event = {"id": name, "customer": "acme", "event": "run", "timestamp": at.isoformat(), "properties": {"n": units}}
    with time_machine.travel(sent_at or at, tick=False):
        assert caller.post("/events", [event]).json()["accepted"] == 1


def available_units(caller: Caller, at: datetime) -> str:
    """Return the units that the customer may spend now, by a check."""
    with time_machine.travel(at, tick=False):
        (wallet,) = caller.get("/wallets?customer=acme").json()["data"]
    return wallet["available"]


def begin(at: datetime, *credits, **fields) -> Caller:
    make_seller()
    runs = make_feature(
        "runs", meter=make_meter("runs", event_name="run", aggregation="sum", value_property="n", unit="run")
    )
    burns = offer(runs, prices={CREDITS: [rate(1)], "USD": [rate("0.10")]}, consumption="credits", at_zero="overage")
    publish(make_plan("pro", fees=[fee("31")], offers=[burns], credits=credits, **fields))
    with time_machine.travel(at, tick=False):
        caller = Caller()
        customer = {"id": "acme", "legal_name": "Acme Inc.", "country": "US", "currency": "USD"}
        assert caller.post("/customers", customer).status_code == 201
        arguments = {"id": "acme-1", "customer": "acme", "plan": "pro"}
        assert caller.post("/subscriptions", arguments).status_code == 201
    return caller


def test_a_month_of_credits_that_roll_over_once(monkeypatch):
    rule = included(500, rolls_over=1, rollover_most=Decimal(200))
    caller = begin(day(1, 1), rule)

    # They are available with the first call, and the plan lists them before anyone subscribes.
    (included_credits,) = caller.get("/plans/pro").json()["version"]["included_credits"]
    assert (
        included_credits["amount"],
        included_credits["every"],
        included_credits["rolls_over"],
        included_credits["rollover_most"],
    ) == (
        "500",
        "period",
        1,
        "200",
    )
    assert available_units(caller, day(1, 1)) == "500"
    use_credits(caller, "january", 350, at=day(1, 20))
    assert available_units(caller, day(1, 20)) == "150"

    # Two hours before February its credits are granted; they are valid from midnight. January's rest rolls over once
    # the grace period for late usage has ended.
    run_due_tasks(day(1, 31, 23), monkeypatch)
    assert available_units(caller, day(1, 31, 23)) == "150"
    assert available_units(caller, day(2, 1)) == "500"
    use_credits(caller, "late", 10, at=day(1, 31, 23), sent_at=day(2, 1) + 30 * MINUTE)
    run_due_tasks(day(2, 1, 1), monkeypatch)
    assert available_units(caller, day(2, 1, 1)) == "640"

    # Rolled-over credits are used first; 40 of February's 500 roll over, and March's credits are added.
    use_credits(caller, "february", 600, at=day(2, 20))
    assert available_units(caller, day(2, 20)) == "40"
    run_due_tasks(day(2, 28, 23), monkeypatch)
    run_due_tasks(day(3, 1, 1), monkeypatch)
    assert available_units(caller, day(3, 1, 1)) == "540"

    # Nothing is used in March: 40 have rolled over once and expire, and so do 300 of March's own.
    run_due_tasks(day(3, 31, 23), monkeypatch)
    run_due_tasks(day(4, 1, 1), monkeypatch)
    assert available_units(caller, day(4, 1, 1)) == "700"

    # In April she uses more than the balance: the rest is invoiced, at a tenth of a dollar each.
    use_credits(caller, "april", 750, at=day(4, 10))
    assert available_units(caller, day(4, 10)) == "0"
    run_due_tasks(day(4, 30, 23), monkeypatch)
    run_due_tasks(day(5, 1, 1), monkeypatch)
    invoices = caller.get("/invoices?customer=acme").json()["data"]
    newest = max(invoices, key=lambda invoice: invoice["number"])
    assert newest["total"]["amount"] == "36.00", "the fee of May, and 50 runs beyond the credits"


def test_a_year_with_monthly_credits_is_canceled_in_mid_period(monkeypatch):
    caller = begin(day(1, 15), included(100, every="month"), interval="year", anchor="anniversary")
    assert available_units(caller, day(1, 15)) == "100"
    use_credits(caller, "first", 30, at=day(1, 20))
    for month in (2, 3):
        run_due_tasks(day(month, 14, 23), monkeypatch)
        run_due_tasks(day(month, 15, 1), monkeypatch)
        assert available_units(caller, day(month, 15, 1)) == "100", "the month's own, and nothing of the one before"
    use_credits(caller, "third", 10, at=day(3, 16))

    # She cancels on the fifth of 31 days: 17 of the month's 100 are hers, and 10 are used.
    with time_machine.travel(day(3, 20), tick=False):
        response = caller.post("/subscriptions/acme-1/cancel", {"ends_at": "2026-03-20T00:00:00Z"})
        assert response.status_code == 200, response.content
    assert available_units(caller, day(3, 20) - MINUTE) == "7"
    run_due_tasks(day(3, 20, 1), monkeypatch)
    run_due_tasks(day(4, 15, 1), monkeypatch)
    wallet = Wallet.objects.get()
    assert (available_units(caller, day(4, 15, 1)), wallet.balance) == ("0", 0)
    kinds = wallet.transactions.values_list("kind", "units").order_by("id")
    assert [(kind, int(units)) for kind, units in kinds] == [
        ("grant", 100),
        ("spend", -30),
        ("grant", 100),
        ("expire", -70),
        ("grant", 100),
        ("expire", -100),
        ("spend", -10),
        ("void", -83),
        ("expire", -7),
    ]
