"""A customer tries a plan, gets an extension, moves to a larger plan, and pays from the day that she chooses."""

from datetime import datetime, timedelta

import pytest
import time_machine

from billing import subscriptions
from billing.closing import close_due
from invoices.models import Invoice
from tests.api.calls import Caller
from tests.builders import JAN, fee, make_plan, make_seller, offer, publish, rate

pytestmark = pytest.mark.django_db

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def use(caller: Caller, ids: range, *, at: datetime) -> None:
    sent = [{"id": f"e{n}", "customer": "acme", "event": "calls", "timestamp": at.isoformat()} for n in ids]
    assert caller.post("/events", sent).json()["accepted"] == len(ids)


def run_due_tasks(at: datetime) -> None:
    """Run the tasks that are due at a time."""
    subscriptions.complete_trials(at=at)
    subscriptions.generate_periods(until=at + 2 * HOUR)
    close_due(at=at)


def line_amounts(invoice: Invoice) -> list[str]:
    return [f"{line.description} {line.amount.amount:.2f}" for line in invoice.lines.order_by("position")]


def test_from_the_first_call_to_the_first_month():
    make_seller()
    for code, amount, included in (("starter", "31", 10), ("pro", "93", 100)):
        offers = [offer("calls", included=included, rates=[rate("0.10")])]
        publish(make_plan(code, fees=[fee(amount)], offers=offers, anchor="anniversary", trial_days=14))

    # She starts, and nothing is due: neither a fee, nor 30 calls, of which 10 would be included.
    with time_machine.travel(JAN, tick=False):
        caller = Caller()
        customer = {"id": "acme", "legal_name": "Acme Inc.", "country": "US", "currency": "USD"}
        assert caller.post("/customers", customer).status_code == 201
        subscription = caller.post("/subscriptions", {"id": "acme-1", "customer": "acme", "plan": "starter"}).json()
        assert (subscription["state"], subscription["trial_ends_at"]) == ("trialing", "2026-01-15T00:00:00Z")
    with time_machine.travel(JAN + 3 * DAY, tick=False):
        use(caller, range(30), at=JAN + 2 * DAY)
        (period,) = caller.get("/customers/acme/usage").json()["periods"]
        assert (period["trial"], period["cost"]["amount"], period["features"][0]["used"]) == ("free", "0", "30")
        arguments = {"customer": "acme", "feature": "calls", "quantity": "5"}
        assert caller.post("/check", arguments).json()["allowed"]

    # Two weeks are too short for her, and the smaller plan too small.
    with time_machine.travel(JAN + 10 * DAY, tick=False):
        longer = caller.post("/subscriptions/acme-1/trial", {"ends_at": "2026-02-15T00:00:00Z"}).json()
        assert longer["subscription"]["trial_ends_at"] == "2026-02-15T00:00:00Z"
        changed = caller.post("/subscriptions/acme-1/change", {"plan": "pro"}).json()
        assert changed["subscription"]["trial_ends_at"] == "2026-02-15T00:00:00Z", "a change leaves the end"
        assert changed["document"]["total"]["amount"] == "0.00"
    run_due_tasks(JAN + 11 * DAY)
    assert not Invoice.objects.exists(), "the first part of the trial has nothing to claim"

    # On the twentieth she wants to pay; the preview equals the issued invoice, and late usage is free.
    with time_machine.travel(JAN + 19 * DAY, tick=False):
        use(caller, range(30, 200), at=JAN + 18 * DAY)
        preview = caller.post("/subscriptions/acme-1/trial", {"when": "now", "preview": True}).json()["document"]
        ended = caller.post("/subscriptions/acme-1/trial", {"when": "now"}).json()
        assert ended["subscription"]["state"] == "active"
        assert ended["document"] == preview
    run_due_tasks(JAN + 19 * DAY + HOUR)
    first = Invoice.objects.get()
    assert line_amounts(first) == ["Pro: Base fee 93.00", "calls (trial) 0.00"]
    assert preview["total"]["amount"] == f"{first.total.amount:.2f}"
    with time_machine.travel(JAN + 20 * DAY, tick=False):
        use(caller, range(200, 210), at=JAN + 18 * DAY)

    # The following month has its full allowance, and starts on the twentieth from now on.
    with time_machine.travel(JAN + 40 * DAY, tick=False):
        use(caller, range(300, 450), at=JAN + 39 * DAY)
    run_due_tasks(JAN + 50 * DAY + HOUR)
    assert line_amounts(Invoice.objects.latest("pk")) == [
        "Pro: Base fee 93.00",
        "calls 5.00",
        "calls (trial) (late) 0.00",
    ]

    # She cancels and comes back: the plan has no second trial for her.
    with time_machine.travel(JAN + 60 * DAY, tick=False):
        caller.post("/subscriptions/acme-1/cancel", {"when": "now"})
        second_subscription = caller.post(
            "/subscriptions", {"id": "acme-2", "customer": "acme", "plan": "pro"}
        ).json()
        assert (second_subscription["state"], second_subscription["trial_ends_at"]) == ("active", None)
