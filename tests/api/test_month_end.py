"""A job's progress and result period HTTP, and a month's checklist and lock."""

import json
from datetime import date, timedelta

import pytest

from billing.closing import close_due
from billing.closing.invoice_run_job import start_invoice_run
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job
from billing.revenue import month_end
from tests.api.calls import Caller, problem
from tests.builders import FEB, MAR, fee, make_customer, make_plan, make_seller, publish, subscribe

pytestmark = pytest.mark.django_db
AT = FEB + timedelta(hours=1)


@pytest.fixture(autouse=True)
def period():
    subscribe(make_customer("acme"), publish(make_plan(fees=[fee("10", billed="arrears")])))


@pytest.fixture
def caller():
    return Caller(scopes=["read"])


def test_a_job_is_followed_and_its_result_read(caller):
    job = start_invoice_run(until=AT, at=AT, by=None)
    payload = caller.get(f"/jobs/{job.pk}").json()
    assert (payload["kind"], payload["state"], payload["items"], payload["figures"]) == (
        "close_run",
        "queued",
        None,
        {},
    )
    work(kinds=KINDS, clock=lambda: AT)
    payload = caller.get(f"/jobs/{job.pk}").json()
    assert (payload["state"], payload["items"], payload["items_done"], payload["items_failed"]) == ("done", 1, 1, 0)
    assert (payload["figures"]["invoices"], payload["figures"]["total.USD"]) == (1, 1000)
    rows = b"".join(caller.get(f"/jobs/{job.pk}/result.csv").streaming_content).decode().splitlines()
    assert rows[0] == "item,period,customer,subscription,document,currency,total,why,error"
    assert rows[1].startswith("1,2026-01-01 to 2026-02-01,acme,")


def test_a_sandbox_job_is_not_found_with_a_live_key(caller):
    job = start_invoice_run(until=AT, at=AT, by=None)
    Job.objects.filter(pk=job.pk).update(parameters=job.parameters | {"sandbox": True})
    problem(caller.get(f"/jobs/{job.pk}"), 404, "not-found")
    assert Caller(sandbox=True).get(f"/jobs/{job.pk}").status_code == 200
    problem(caller.get("/jobs/99999999"), 404, "not-found")
    problem(caller.get("/jobs/99999999/result.csv"), 404, "not-found")


def test_a_month_has_its_checklist_and_lock(caller):
    arguments = {"seller": "acme", "month": "2026-01"}
    payload = caller.get("/month-end", **arguments).json()
    assert payload["checklist"][0] == {"code": "periods_open", "count": 1, "blocks": True, "amounts": []}
    assert (payload["locked_at"], payload["documents"]) == (None, [])
    close_due(at=AT)
    month_end.lock_checked_month(seller=make_seller(), month=date(2026, 1, 1), note="", by=None, at=MAR)
    payload = caller.get("/month-end", **arguments).json()
    assert payload["locked_at"] == "2026-03-01T00:00:00Z"
    assert {check["count"] for check in payload["checklist"] if check["blocks"]} == {0}
    total = {"net": "10.0000", "tax": "0.0000", "total": "10.0000"}
    assert caller.get("/month-end", seller="acme", month="2026-02").json()["documents"] == [
        {"kind": "invoice", "currency": "USD", "documents": 1, **total}
    ]


def test_an_invalid_month_or_unknown_seller_is_reported(caller):
    error = problem(caller.get("/month-end", seller="acme", month="January"), 400, "invalid-fields")
    assert "month" in json.dumps(error)
    problem(caller.get("/month-end", seller="nobody", month="2026-01"), 404, "not-found")
    problem(Caller(sandbox=True).get("/month-end", seller="acme", month="2026-01"), 404, "not-found")
