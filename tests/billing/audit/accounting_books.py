"""A locked month of a seller of its own, with its accounts and files, for books with every kind of row."""

from datetime import UTC, date, datetime
from decimal import Decimal

from billing.job_kinds import KINDS
from billing.jobs import worker
from billing.jobs.controls import cancel
from billing.models import AccountMapping, DropPart, DropTarget, OpeningBalance, SyncTarget
from billing.revenue.accounting_files.batches import make_batch, mark_imported
from billing.revenue.adapters.change_search import queue_changes
from billing.revenue.data_drop.job import start_drop
from billing.revenue.month_end.month_freeze import start_freezing
from customers.models import Seller
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.documents.locked_months import lock_month
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from invoices.payments.write_offs import write_off
from lib.encryption import encrypt
from tests.billing.revenue.accounting_files.account_builders import AT, map_all_roles, set_up_datev
from tests.builders import make_customer, make_seller, make_tax
from wallets.operations.breakage_estimates import estimate_breakage

DECEMBER = date(2025, 12, 1)
IN_DECEMBER = datetime(2025, 12, 1, 9, tzinfo=UTC)


def export_books() -> None:
    """Invoice a quarter, lock its first month, and make its files for two targets; one of them is imported."""
    seller = make_seller("exporter", legal_name="Exporter Inc.")
    customer = make_customer("exported", seller=seller, country="DE")
    make_tax(19, seller=seller, country="DE")
    OpeningBalance.objects.create(seller=seller, month=DECEMBER, currency="USD", role="deferred", amount=-100)
    request = OneOffRequest([OneOffLine("Support", Decimal(100), DECEMBER, date(2026, 2, 28))], net_days=14)
    draft = draft_invoice(customer=customer, request=request, at=IN_DECEMBER)
    invoice = issue_draft(invoice_id=draft.pk, at=IN_DECEMBER)
    map_all_roles(seller)
    AccountMapping.objects.filter(role="tax").update(tax_name="VAT", tax_rate=19, country="DE", reason="Narrowed.")
    set_up_datev(seller, fiscal_year_month=7)
    lock = lock_month(seller=seller, month=DECEMBER, checklist=[], note="", by=None, at=AT)
    job = start_freezing(lock, by=None, at=AT)
    worker.work(kinds=KINDS, clock=lambda: AT, job_id=job.pk)
    for target in ("datev", "hledger"):
        facts = {"seller": seller, "month": DECEMBER, "currency": "USD", "by": None, "at": AT}
        batch = make_batch(target=target, is_detailed=target == "hledger", **facts)
    mark_imported(batch_id=batch.pk, by=None, at=AT)
    issue_credit_note(
        invoice_id=invoice.pk, lines=[RequestedCredit(1, Decimal(10))], reason="Goodwill", to="offset", at=AT
    )
    write_off(invoice_id=invoice.pk, reason="insolvent", at=AT)
    reason = "two years of history"
    estimate_breakage(seller=seller, percent=Decimal(3), month=date(2026, 1, 1), reason=reason, at=AT)
    facts = {"seller": seller, "base_url": "https://crm.example", "secret": encrypt("token")}
    SyncTarget.objects.create(kind="hubspot", **facts)
    xero = {"client_id": "client", "token_url": "https://crm.example/token", "account_code": "200"}
    SyncTarget.objects.create(kind="xero", since=DECEMBER, **xero, **facts)
    queue_changes(at=AT)
    drop_tables(seller)


def drop_tables(seller: Seller) -> None:
    """Set up a folder and a bucket; a canceled drop has left a part there, and one that was replaced."""
    folder = DropTarget.objects.create(name="folder", seller=seller, kind="folder", path="exports")
    place = {"endpoint": "https://s3.example", "region": "eu-central-1", "bucket": "books", "access_key": "key"}
    DropTarget.objects.create(name="bucket", kind="bucket", secret=encrypt("secret"), **place)
    job = start_drop(folder, by=None, at=AT)
    cancel(job_id=job.pk, by=None, at=AT)
    facts = {"target": folder, "job": job, "table_name": "lines", "number": 0, "columns": "0" * 64, "written_at": AT}
    file = {"sha256": "1" * 64, "size": 1_000, "rows": 2, "first_key": 1, "last_key": 2, "is_final": False}
    DropPart.objects.create(path="lines/000000-1-1.parquet", replaced_at=AT, **facts, **file)
    DropPart.objects.create(path="lines/000000-2-1.parquet", **facts, **file)
