"""The result file of a job: one row per finding, and one per failed item."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from django.db.models import Q

from billing.jobs.definitions import JobDefinition
from billing.models import Job
from billing.models.jobs import ItemState

# Items per fetch: an item's findings may hold hundreds of rows.
BATCH_SIZE = 200


def job_result_rows(job: Job, definition: JobDefinition) -> Iterator[list[str]]:
    """Yield the header and then the rows in the order of the items, in constant memory."""
    yield ["item", *definition.columns, "error"]
    reported_items = job.items.filter(~Q(findings=[]) | Q(state=ItemState.FAILED)).order_by("number")
    for number, findings, error in reported_items.values_list("number", "findings", "error").iterator(BATCH_SIZE):
        for finding in findings or [{}]:
            yield [str(number), *(str(finding.get(column, "")) for column in definition.columns), error]


def first_findings(job: Job, *, count: int) -> list[dict[str, Any]]:
    """Return the first findings of a job, in the order of its items."""
    findings = job.items.exclude(findings=[]).order_by("number").values_list("findings", flat=True)[:count]
    return list(islice(chain.from_iterable(findings), count))
