"""Versions are tried on past usage over HTTP: asked for, told in sums, and bill by bill."""

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
    """Two customers who paid 10 for January, and a draft for 12."""
    version = publish(make_plan("starter", fees=[fee("10", billed="arrears")]))
    for ref in ("acme", "globex"):
        subscribe(make_customer(ref), version)
    close_due(at=FEB.replace(day=2))
    make_plan("starter", fees=[fee("12", billed="arrears")])
    return version


ASKED = {"versions": [{"plan": "starter", "version": 2}], "plan": "starter", "periods": 1}


def simulated(live) -> int:
    number = live.post("/simulations", ASKED).json()["number"]
    work(kinds=KINDS, clock=database_time, job_id=number)
    return number


def test_it_is_told_in_sums(live, starter):
    told = live.get(f"/simulations/{simulated(live)}").json()
    (total,) = told["totals"]
    assert (told["state"], total["before"], total["after"], total["pay_more"]) == ("done", "20", "24", 2)


def test_its_bills_come_in_pages_and_as_a_file(live, starter):
    number = simulated(live)
    first = live.get(f"/simulations/{number}/bills", limit=1).json()
    rest = live.get(f"/simulations/{number}/bills", cursor=first["next_cursor"]).json()
    told = [(entry["customer"], entry["before"], entry["after"]) for entry in [*first["data"], *rest["data"]]]
    assert told == [("globex", "10", "12"), ("acme", "10", "12")]
    assert first["data"][0]["lines"][0]["subject"] == "fee:base-fee"
    text = b"".join(live.get(f"/simulations/{number}/bills.csv").streaming_content).decode()
    assert [(row["customer"], row["change"]) for row in csv.DictReader(io.StringIO(text))] == [
        ("acme", "2"),
        ("globex", "2"),
    ]


REFUSED = [
    # asked instead                                     field         said
    ({"versions": [{"plan": "starter", "version": 9}]}, "versions.0", "there is no version 9"),
    ({"plan": "nothing"}, "plan", "there is no plan"),
    ({"customers": ["nobody"]}, "plan", "Nobody has a running subscription"),
    ({"periods": 30}, "periods", "24"),
]


@pytest.mark.parametrize(("instead", "field", "said"), REFUSED)
def test_what_cannot_be_tried_is_refused_by_its_field(live, starter, instead, field, said):
    (error,) = problem(live.post("/simulations", ASKED | instead), 400, "invalid-fields")["errors"]
    assert error["field"] == field
    assert said in error["detail"]


def test_the_other_world_sees_none_of_it(live, starter):
    number = simulated(live)
    for path in (f"/simulations/{number}", f"/simulations/{number}/bills", f"/jobs/{number}"):
        assert Caller(sandbox=True).get(path).status_code == 404
