"""Finance selects invoices in a browser, reads what a write-off would do, and follows the job to its end."""

import pytest
from playwright.sync_api import expect

from billing.admin.jobs import worker_wakeup
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from invoices.models import Invoice, WriteOff
from lib.task_clock import database_time
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_from_the_selection_to_the_finished_job(signed_in, monkeypatch):
    monkeypatch.setattr(worker_wakeup.run_jobs, "delay", lambda: None)
    for name in ("acme", "beta"):
        make_invoice(make_customer(name, legal_name=name.title()))
    make_invoice(make_customer("gamma", legal_name="Gamma"), issue=False)
    page = signed_in("finance")

    page.goto("/admin/invoices/invoice/")
    for box in page.locator("tbody input.action-select").all():
        box.check()
    page.select_option("select[name=action]", label="Write off")
    page.get_by_role("button", name="Run").first.click()

    expect(page.get_by_text("2 invoices: €35.70.")).to_be_visible()
    expect(page.get_by_text("1 invoice: nothing to write off.")).to_be_visible()
    page.fill("#id_reason", "insolvent")
    page.get_by_role("button", name="Write off").click()

    expect(page.get_by_text("Started for 2 invoices.")).to_be_visible()
    work(kinds=KINDS, clock=database_time)
    expect(page.get_by_text("Written off")).to_be_visible()
    expect(page.get_by_text("Done")).to_be_visible()
    assert WriteOff.objects.count() == 2
    assert sorted(Invoice.objects.values_list("state", flat=True)) == ["draft", "uncollectible", "uncollectible"]

    invoice = Invoice.objects.filter(state="uncollectible").first()
    page.goto(f"/admin/invoices/invoice/{invoice.pk}/change/")
    expect(page.get_by_text("€17.85 written off")).to_be_visible()
    expect(page.get_by_text("Wrote off €17.85")).to_be_visible()
