"""Staff pages of accounts, mappings and accounting files."""

import pytest

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import AccountingTarget, AccountMapping, ExportBatch, Job
from tests.billing.revenue.accounting_files.account_builders import (
    AT,
    SINCE,
    files_of,
    make,
    make_account,
    map_all_roles,
    map_role,
)
from tests.billing.revenue.frozen_months import freeze, posting
from tests.builders import make_seller

pytestmark = pytest.mark.django_db
POSTINGS = [posting("receivable", "revenue", "118.75")]


def new_mapping(**fields):
    account = make_account(code="4000", name="Revenue")
    return {
        "seller": account.seller_id, "role": "revenue", "from_month": f"{SINCE}", "account": account.pk, **fields
    }  # fmt: skip


def test_finance_maps_a_role(member):
    client = member("finance")
    assert client.post("/admin/billing/accountmapping/add/", new_mapping()).status_code == 302
    assert "4000 Revenue" in client.get("/admin/billing/accountmapping/").content.decode()
    assert "everything else" in client.get("/admin/billing/accountmapping/").content.decode()


def test_a_mapping_of_a_locked_month_needs_the_approver_and_a_reason(member):
    freeze(make_seller(), POSTINGS)
    fields = new_mapping()
    refused = member("finance").post("/admin/billing/accountmapping/add/", fields).content.decode()
    assert "January 2026 is locked. Begin with a later month, or ask the finance approver." in refused
    approver = member("finance approver")
    assert (
        "Enter the reason for the change"
        in approver.post("/admin/billing/accountmapping/add/", fields).content.decode()
    )
    fields["reason"] = "Audited chart."
    assert approver.post("/admin/billing/accountmapping/add/", fields).status_code == 302
    assert AccountMapping.objects.get().reason == "Audited chart."


def test_an_account_that_begins_a_formula_is_refused(member):
    fields = {"seller": make_seller().pk, "code": "=4000", "name": "Revenue"}
    answer = member("finance").post("/admin/billing/account/add/", fields).content.decode()
    assert "Begin with another character than = + - @" in answer


def test_unmapped_amounts_lead_to_the_form(member):
    freeze(make_seller(), POSTINGS)
    AccountingTarget.objects.create(seller=make_seller(), target="journal")
    map_role("receivable", make_account(code="1200"))
    page = member("finance").get("/admin/billing/accountmapping/unmapped/").content.decode()
    assert "118.75" in page
    assert "/admin/billing/accountmapping/add/?seller=" in page


def test_files_are_made_by_a_job_and_downloaded(member):
    freeze(make_seller(), POSTINGS)
    map_all_roles()
    client = member("finance")
    answer = client.post("/admin/billing/exportbatch/make_files/", {"month": "2026-01", "target": "journal"})
    work(kinds=KINDS, clock=lambda: AT)
    assert answer["Location"] == f"/admin/billing/job/{Job.objects.get().pk}/change/"
    assert client.get(answer["Location"]).status_code == 200
    batch = ExportBatch.objects.get()
    assert "TB-2026-01-001.csv" in client.get("/admin/billing/exportbatch/").content.decode()
    for _ in range(2):
        download = client.get(f"/admin/billing/exportbatch/{batch.pk}/files/1/")
        assert b"".join(download.streaming_content) == files_of(batch)["TB-2026-01-001.csv"]
    client.post(f"/admin/billing/exportbatch/{batch.pk}/mark_imported/", {"confirmed": "yes"})
    batch.refresh_from_db()
    assert (batch.state, batch.imported_by) == ("imported", Job.objects.get().by)


@pytest.mark.parametrize("group", ["engineer", "support", "operations"])
def test_others_see_no_revenue(member, group):
    freeze(make_seller(), POSTINGS)
    map_all_roles()
    batch = make(make_seller())
    job = Job.objects.create(kind="export", title="Accounting files", dry_run=False, created_at=AT)
    client = member(group)
    for address in (
        f"billing/exportbatch/{batch.pk}/files/1/", "billing/exportbatch/", "billing/accountmapping/unmapped/",
        f"billing/job/{job.pk}/result/",
    ):  # fmt: skip
        assert client.get(f"/admin/{address}").status_code in (403, 404), address
    assert "Accounting files" not in client.get("/admin/billing/job/").content.decode()
