"""Accounting files by the API: made by a job, read, downloaded and marked; with scopes of their own."""

import pytest

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import ExportBatch
from tests.api.calls import Caller, problem
from tests.billing.revenue.accounting_files.account_builders import AT, files_of, make, map_all_roles
from tests.billing.revenue.frozen_months import freeze, posting
from tests.builders import make_seller
from tests.client.test_the_client_works_with_the_server import tollbook

pytestmark = pytest.mark.django_db
REQUEST = {"seller": "acme", "month": "2026-01", "target": "journal"}


@pytest.fixture(autouse=True)
def month():
    map_all_roles()
    freeze(make_seller(), [posting("receivable", "revenue", 5)])


@pytest.fixture
def finance():
    return Caller(scopes=["revenue:read", "revenue:manage"])


def test_files_are_made_and_downloaded(finance):
    answer = finance.post("/revenue/batches", REQUEST, Idempotency_Key="january")
    assert (answer.status_code, answer.json()["kind"]) == (201, "export")
    work(kinds=KINDS, clock=lambda: AT)
    assert finance.get(f"/jobs/{answer.json()['number']}").status_code == 403, "a job needs `read`"
    (row,) = finance.get("/revenue/batches", target="journal").json()["data"]
    batch = ExportBatch.objects.get()
    assert (row["number"], row["label"], row["month"], row["state"]) == (
        batch.pk,
        "TB-2026-01-001",
        "2026-01",
        "final",
    )
    download = finance.get(f"/revenue/batches/{batch.pk}/files/1")
    assert b"".join(download.streaming_content) == files_of(batch)[row["files"][0]["name"]]


def test_a_batch_is_marked_once(finance):
    batch = make(make_seller())
    assert finance.post(f"/revenue/batches/{batch.pk}/imported", {}).json()["state"] == "imported"
    problem(finance.post(f"/revenue/batches/{batch.pk}/imported", {}), 409, "conflict")


def test_other_keys_see_no_revenue():
    batch = make(make_seller())
    for caller in (Caller(), Caller(scopes=["revenue:manage"])):
        problem(caller.get("/revenue/batches"), 403, "scope-missing")
        problem(caller.get(f"/revenue/batches/{batch.pk}/files/1"), 403, "scope-missing")
    problem(Caller(scopes=["revenue:read"]).post("/revenue/batches", REQUEST), 403, "scope-missing")


def test_a_sandbox_key_finds_no_batch():
    batch = make(make_seller())
    sandbox = Caller(scopes=["revenue:read", "revenue:manage"], sandbox=True)
    assert sandbox.get("/revenue/batches").json()["data"] == []
    problem(sandbox.get(f"/revenue/batches/{batch.pk}"), 404, "not-found")
    problem(sandbox.post("/revenue/batches", REQUEST), 400, "invalid-fields")


@pytest.mark.parametrize(
    ("field", "value"),
    [("seller", "nobody"), ("month", "2026-13"), ("month", "0000-01"), ("month", "January"), ("target", "sap")],
)
def test_a_wrong_field_is_named(finance, field, value):
    answer = problem(finance.post("/revenue/batches", REQUEST | {field: value}), 400, "invalid-fields")
    assert field in str(answer)


def test_the_python_client_makes_and_reads_files(finance):
    client = tollbook(finance)
    client.accounting_files.make(seller="acme", month="2026-01", target="hledger")
    work(kinds=KINDS, clock=lambda: AT)
    (batch,) = client.accounting_files.list(target="hledger")
    assert batch.files[0].name == "TB-2026-01-001.journal"
    assert client.accounting_files.download(batch.number).startswith(b"; TB-2026-01-001: Acme Inc.")
    assert client.accounting_files.mark_imported(batch.number).state == "imported"
    assert client.accounting_files.get(batch.number).month == "2026-01"
