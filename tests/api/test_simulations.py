"""Simulations over HTTP: created, summed, and listed bill by bill."""

import csv
import io

import pytest

from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from lib.task_clock import database_time
from tests.api.calls import Caller, problem
from tests.builders import FEB, fee, make_customer, make_plan, publish, subscribe


@pytest.fixture
def starter(live):
    """Create two customers who paid 10 for January, and a draft that charges 12."""
    version = publish(make_plan("starter", fees=[fee("10", billed="arrears")]))
    for ref in ("acme", "globex"):
        subscribe(make_customer(ref), version)
    close_due(at=FEB.replace(day=2))
    make_plan("starter", fees=[fee("12", billed="arrears")])
    return version


SIMULATION = {"versions": [{"plan": "starter", "version": 2}], "plan": "starter", "periods": 1}


def simulated(live) -> int:
    number = live.post("/simulations", SIMULATION).json()["number"]
    work(kinds=KINDS, clock=database_time, job_id=number)
    return number


def test_a_simulation_has_totals(live, starter):
    payload = live.get(f"/simulations/{simulated(live)}").json()
    (total,) = payload["totals"]
    assert (payload["state"], total["before"], total["after"], total["pay_more"]) == ("done", "20", "24", 2)


def test_bills_are_listed_in_pages_and_in_a_file(live, starter):
    number = simulated(live)
    first = live.get(f"/simulations/{number}/bills", limit=1).json()
    rest = live.get(f"/simulations/{number}/bills", cursor=first["next_cursor"]).json()
    bills = [(entry["customer"], entry["before"], entry["after"]) for entry in [*first["data"], *rest["data"]]]
    assert bills == [("globex", "10", "12"), ("acme", "10", "12")]
    assert first["data"][0]["lines"][0]["subject"] == "fee:base-fee"
    text = b"".join(live.get(f"/simulations/{number}/bills.csv").streaming_content).decode()
    assert [(row["customer"], row["change"]) for row in csv.DictReader(io.StringIO(text))] == [
        ("acme", "2"),
        ("globex", "2"),
    ]


REFUSED = [
    # changes                                           field         message
    ({"versions": [{"plan": "starter", "version": 9}]}, "versions.0", "there is no version 9"),
    ({"plan": "nothing"}, "plan", "there is no plan"),
    ({"customers": ["nobody"]}, "plan", "The selection has no active subscription"),
    ({"periods": 30}, "periods", "24"),
]


@pytest.mark.parametrize(("changes", "field", "message"), REFUSED)
def test_an_invalid_simulation_names_the_field(live, starter, changes, field, message):
    (error,) = problem(live.post("/simulations", SIMULATION | changes), 400, "invalid-fields")["errors"]
    assert error["field"] == field
    assert message in error["detail"]


def test_a_sandbox_key_sees_no_live_simulation(live, starter):
    number = simulated(live)
    for path in (f"/simulations/{number}", f"/simulations/{number}/bills", f"/jobs/{number}"):
        assert Caller(sandbox=True).get(path).status_code == 404
