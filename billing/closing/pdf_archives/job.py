"""Job that renders the PDFs of many invoices: one item per invoice."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from billing.closing.pdf_archives.selection import selected_invoices
from billing.jobs import start
from billing.jobs.definitions import ItemOutcome, JobDefinition
from billing.models import Job, JobItem
from billing.models.jobs import JobKind
from invoices.models import Invoice
from invoices.rendering.render_queue import UNFINISHED
from invoices.rendering.renderer import NotRendered, render_one

# Ids in memory at a time, while a job of any size is split into its items.
BATCH_SIZE = 1_000


def start_rendering(*, selection: dict[str, Any], title: str, by: User | None, at: datetime) -> Job:
    """
    Store a job that renders the missing PDFs of invoices, including those given up earlier.

    selection: the invoices, by a function of `selection.py`. An existing PDF stays: it was sent to the customer.
    """
    return start.start(kind=JobKind.RENDERING, title=title, parameters=selection, dry_run=False, by=by, at=at)


def _create_items(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    without_file = selected_invoices(job.parameters).exclude(rendering__content__isnull=False)
    number, last = (after.number, after.parameters["invoice"]) if after else (0, 0)
    while ids := list(without_file.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH_SIZE]):
        for last in ids:
            number += 1
            yield JobItem(job=job, number=number, parameters={"invoice": last})


def _render_item(item: JobItem, at: datetime) -> ItemOutcome:
    invoice = Invoice.objects.get(pk=item.parameters["invoice"])
    try:
        render_one(invoice_id=invoice.pk, at=at, insist=True)
    except NotRendered as refusal:
        reason_text = str(refusal)
        finding: dict[str, str | int] = {"document": str(invoice), "why": reason_text}
        return ItemOutcome(
            {"failed": 1}, [finding], unfinished=f"{invoice}: {reason_text}", is_transient=reason_text == UNFINISHED
        )
    return ItemOutcome({"files": 1})


RENDERING = JobDefinition(
    permission="invoices.change_rendering", split=_create_items, process=_render_item, columns=("document", "why")
)
"""The definition of this job."""
