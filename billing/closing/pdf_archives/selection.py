"""The invoices of a rendering job: those issued by an invoice run, in a seller's month, or selected by hand."""

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from billing.models import Job
from customers.models import Seller
from invoices.documents.locked_months import documents_issued_in
from invoices.models import Invoice
from invoices.models.invoices import InvoiceState

# Every period of the run's items, no matter which process closed it.
_OF_RUN = """
SELECT p.invoice_id FROM billing_jobitem i
CROSS JOIN LATERAL jsonb_array_elements_text(i.parameters -> 'periods') t(id)
JOIN billing_period p ON p.id = t.id::bigint WHERE i.job_id = %s AND p.invoice_id IS NOT NULL
"""


def select_run(job: Job) -> dict[str, Any]:
    return {"run": job.pk}


def select_month(seller: Seller, month: date) -> dict[str, Any]:
    return {"seller": seller.pk, "month": month.isoformat()}


def select_ids(invoice_ids: list[int]) -> dict[str, Any]:
    return {"invoices": invoice_ids}


def selected_invoices(parameters: dict[str, Any]) -> QuerySet[Invoice]:
    """Return the selected issued invoices, in the order of issue."""
    if "month" in parameters:
        return documents_issued_in(parameters["seller"], date.fromisoformat(parameters["month"])).order_by("pk")
    invoices = Invoice.objects.exclude(state=InvoiceState.DRAFT).order_by("pk")
    if "run" in parameters:
        return invoices.filter(pk__in=RawSQL(_OF_RUN, [parameters["run"]]))  # noqa: S611 - the SQL is constant
    return invoices.filter(pk__in=parameters["invoices"])
