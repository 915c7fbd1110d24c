"""A plan migration over HTTP: planned, previewed, run and rolled back; live and sandbox are apart."""

from datetime import timedelta

import pytest

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.subscriptions import generate_periods
from lib.task_clock import database_time
from tests.billing.plan_migrations.migration_setup import make_version
from tests.builders import make_customer, subscribe

PATH = "/migrations"


@pytest.fixture(autouse=True)
def subscriptions(db):
    old, began = make_version("old"), database_time() - timedelta(days=40)
    for name in ("acme", "beta"):
        subscribe(make_customer(name), old, began, external_id=f"s-{name}")
    generate_periods(until=database_time() + timedelta(hours=2))
    make_version("new", monthly="62")


def plan(client, **fields):
    arguments = {"title": "To new", "from": {"plan": "old"}, "plan": "new", "when": "now"}
    return client.post(PATH, {**arguments, **fields})


def run_step(client, number, step):
    answer = client.post(f"{PATH}/{number}/{step}", {})
    assert answer.status_code == 200, answer.json()
    work(kinds=KINDS, clock=database_time)
    return answer.json()["job"]


def test_a_migration_is_run_and_rolled_back(live):
    migration = plan(live).json()
    assert migration["moves"] == {"waiting": 2}
    for step in ("preview", "run", "roll-back"):
        assert run_step(live, migration["id"], step) is not None
    assert live.get(f"{PATH}/{migration['id']}").json()["moves"] == {"undone": 2}
    moves = live.get(f"{PATH}/{migration['id']}/moves?state=undone").json()
    assert len(moves["data"]) == 2
    assert live.get(PATH).json()["data"][0]["moves"] == {"undone": 2}


def test_unknown_ids_are_returned(live):
    answer = plan(live, **{"from": {"ids": ["s-acme", "nobody"]}})
    assert answer.json()["left_out"] == [{"id": "nobody", "reason": "No subscription or customer has this ID."}]


@pytest.mark.parametrize(
    ("fields", "status", "why"),
    [
        ({"from": {"ids": ["nobody"]}}, 422, "No active subscription matches"),
        ({"from": {"country": "DE"}}, 400, "Choose a plan"),
        ({"from": {"plan": "old", "ids": []}}, 400, "ids"),
        ({"when": "date"}, 400, "Enter the date"),
        ({"moment": "2100-01-01T00:00:00Z"}, 400, "only for the timing"),
        ({"from_unit": "USD", "to_unit": "EUR"}, 400, "both units and the rate"),
        ({"from_unit": "USD", "to_unit": "EUR", "rate": "0"}, 400, "above zero"),
        ({"from_unit": "USD", "to_unit": "EUR", "rate": "2", "when": "period"}, 400, "if subscriptions move now"),
        ({"plan": "other"}, 400, "other"),
        ({"notice_days": 366}, 400, "notice_days"),
        ({"unknown": 1}, 400, "unknown"),
    ],
)
def test_bad_input_is_refused_with_the_reason(live, fields, status, why):
    answer = plan(live, **fields)
    assert answer.status_code == status, answer.json()
    assert why in str(answer.json())


def test_a_step_that_does_not_fit_is_a_conflict(live):
    migration = plan(live, notice_days=30).json()
    answer = live.post(f"{PATH}/{migration['id']}/run", {})
    assert (answer.status_code, "Notify them first" in answer.json()["detail"]) == (409, True)


def test_a_sandbox_key_sees_no_live_migration(live, sandbox):
    migration = plan(live).json()
    assert sandbox.get(PATH).json()["data"] == []
    assert sandbox.get(f"{PATH}/{migration['id']}").status_code == 404
    assert sandbox.post(f"{PATH}/{migration['id']}/run", {}).status_code == 404
