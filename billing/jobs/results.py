"""What came of a job as a table: a row for each finding, and for each item that failed."""

from collections.abc import Iterator

from django.db.models import Q

from billing.jobs.kinds import Kind
from billing.models import Job
from billing.models.jobs import ItemState

AT_A_TIME = 200


def rows_of_result(job: Job, kind: Kind) -> Iterator[list[str]]:
    """Yield the heading and then the rows, in the order of the items; memory stays flat."""
    yield ["item", *kind.columns, "error"]
    told = job.items.filter(~Q(findings=[]) | Q(state=ItemState.FAILED)).order_by("number")
    for number, findings, error in told.values_list("number", "findings", "error").iterator(AT_A_TIME):
        for finding in findings or [{}]:
            yield [str(number), *(str(finding.get(column, "")) for column in kind.columns), error]
