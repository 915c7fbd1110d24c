"""What came of a job as a table: a row for each finding, and for each item that failed."""

from collections.abc import Iterator

from django.db.models import Q

from billing.jobs.kinds import JobDefinition
from billing.models import Job
from billing.models.jobs import ItemState

BATCH_SIZE = 200


def job_result_rows(job: Job, definition: JobDefinition) -> Iterator[list[str]]:
    """Yield the heading and then the rows, in the order of the items; memory stays flat."""
    yield ["item", *definition.columns, "error"]
    told = job.items.filter(~Q(findings=[]) | Q(state=ItemState.FAILED)).order_by("number")
    for number, findings, error in told.values_list("number", "findings", "error").iterator(BATCH_SIZE):
        for finding in findings or [{}]:
            yield [str(number), *(str(finding.get(column, "")) for column in definition.columns), error]
