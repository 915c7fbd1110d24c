"""Usage that arrives or is corrected after a close, under each policy of the seller: events in, invoices out."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from billing.tasks import close_due_periods
from tests.api.calls import Caller
from tests.builders import FEB, JAN, MAR, fee, make_feature, make_meter, make_plan, make_seller, offer, publish, rate
from tests.builders import tier as step
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
CASES = rows("closing.md", "policies-for-late-usage")


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the task's clock travel, too: it is the database's, which a test can't change."""
    monkeypatch.setattr("lib.task_clock.database_time", timezone.now)


def calls(id_: str, n: int, *, at: datetime) -> dict[str, Any]:
    return {"id": id_, "customer": "acme", "event": "work", "timestamp": at.isoformat(), "properties": {"n": n}}


def send_late_changes(caller: Caller, cell: str) -> None:
    """Do the changes of a cell for January: `c: 40` is sent, `b: 40` replaces b, `b: –` voids b."""
    for entry in cell.split(", "):
        id_, n = entry.split(": ")
        if id_ == "c":
            answer = caller.post("/events", [calls("c", int(n), at=JAN + 20 * DAY)])
        elif n == "–":
            answer = caller.post("/events/corrections", {"id": id_, "kind": "void", "reason": "Sent by mistake"})
        else:
            new = {"kind": "replace", "reason": "Miscounted", "replacement": calls("b2", int(n), at=JAN + 5 * DAY)}
            answer = caller.post("/events/corrections", {"id": id_, **new})
        assert answer.json()["accepted"] == 1, answer.content


def issued_amounts(caller: Caller) -> list[str]:
    """Return the issued invoices and credit notes, the oldest first."""
    invoices, notes = (caller.get(path).json()["data"] for path in ("/invoices", "/credit-notes"))
    issued = sorted((*invoices, *notes), key=lambda invoice: invoice["id"])
    return [f"{invoice['number'].partition('-')[0]} {invoice['net']['amount']}" for invoice in issued]


def late_usage_amounts(caller: Caller) -> list[str]:
    """Return the amounts of the late-usage report, period by period."""
    report = caller.get("/late-usage", customer="acme").json()
    amounts = [f"{Decimal(entry['amount']['amount']):.2f}" for entry in report["data"]]
    assert [f"{Decimal(total['amount']['amount']):.2f}" for total in report["totals"]] == amounts
    return amounts


@pytest.mark.parametrize("case", CASES, ids=[f"{case['policy']}: {case['comes']}" for case in CASES])
def test_late_usage_is_billed_by_the_sellers_policy(case: dict[str, str]):
    make_seller(late_usage=case["policy"])
    work = make_meter("work", aggregation="sum", value_property="n", unit="call")
    ladder = [rate(tiers=[step(100, "1"), step(None, "0.50")])]
    offers = [offer(make_feature("work", meter=work), included=50, rates=ladder)]
    publish(make_plan("pro", fees=[fee("20", billed="arrears")], offers=offers))

    # January: 90 and 60 calls, of which 100 exceed the allowance.
    with time_machine.travel(JAN + 10 * DAY, tick=False):
        caller = Caller()
        customer = {"id": "acme", "legal_name": "Acme Inc.", "country": "US", "currency": "USD"}
        assert caller.post("/customers", customer).status_code == 201
        arguments = {"id": "acme-pro", "customer": "acme", "plan": "pro", "starts_at": JAN.isoformat()}
        assert caller.post("/subscriptions", arguments).status_code == 201
        sent = [calls("a", 90, at=JAN + 4 * DAY), calls("b", 60, at=JAN + 5 * DAY)]
        assert caller.post("/events", sent).json()["accepted"] == 2
    with time_machine.travel(FEB + DAY / 8, tick=False):
        close_due_periods()
        assert issued_amounts(caller) == ["INV 120.00"]

    # February: late usage for January arrives. Changes that need no grace period are billed at once.
    with time_machine.travel(FEB + DAY, tick=False):
        send_late_changes(caller, case["comes"])
        assert late_usage_amounts(caller) == [case["reported"]]
    with time_machine.travel(FEB + 2 * DAY, tick=False):
        close_due_periods()
        assert issued_amounts(caller)[1:] == [entry for entry in case["at once"].split(", ") if entry]
    with time_machine.travel(FEB + 10 * DAY, tick=False):
        assert caller.post("/events", [calls("feb", 70, at=FEB + 9 * DAY)]).json()["accepted"] == 1
        upcoming = caller.get("/subscriptions/acme-pro/upcoming").json()
        notes = [f"CN {credit_note['net']['amount']}" for credit_note in upcoming["credit_notes"]]
        assert [f"INV {upcoming['net']['amount']}", *notes] == case["in March"].split(", "), case["why"]
    with time_machine.travel(MAR + DAY / 8, tick=False):
        settled = len(issued_amounts(caller))
        close_due_periods()
        assert issued_amounts(caller)[settled:] == case["in March"].split(", "), case["why"]

        # No late usage is open, and none is billed twice.
        close_due_periods()
        assert len(issued_amounts(caller)) == settled + len(case["in March"].split(", "))
        assert late_usage_amounts(caller) == ([case["reported"]] if case["policy"] == "report_only" else [])
