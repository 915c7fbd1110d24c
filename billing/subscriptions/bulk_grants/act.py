"""A file of grants as an act that may need a second person: docs/approvals.md."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

import msgspec
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from access.approvals import Act, ActFacts
from access.models.approvals import ApprovalKind
from billing.jobs.controls import JobControlRefused, do_for_real
from billing.models import Job
from billing.subscriptions.bulk_grants.grant_rows import parse_grant_rows
from lib.decimals import EXACT, ZERO
from lib.tabular_files import TableRow
from wallets.statements.formats import shown


class RunPromotion(Act[Job], frozen=True, kw_only=True):
    """
    Run a finished dry run of grants for real, as `do_for_real`.

    Its amount is the sum of all rows. A file in several units has no single amount, so it needs approval whenever the
    rule does.
    """

    name, kind, permission = "run_promotion", ApprovalKind.GRANTS, "wallets.grant_credits"
    refusals = (JobControlRefused,)

    job_id: int

    def read_facts(self, *, at: datetime) -> ActFacts:
        # Row lock: the file isn't run between these facts and the act.
        job = Job.objects.select_for_update(of=("self",)).get(pk=self.job_id)
        totals = _sum_grants(job)
        (unit, amount) = next(iter(totals.items())) if len(totals) == 1 else ("", None)
        return ActFacts(
            subject=job,
            title=_("Run %(job)s") % {"job": job.title},
            amount=amount,
            unit=unit,
            sandbox=job.parameters["sandbox"],
            versions={job.title: f"{job.get_state_display()}, {'dry run' if job.dry_run else 'run'}"},
            rows=[
                (_("File"), job.file_name),
                *((_("Total"), shown(total, name)) for name, total in totals.items()),
            ],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> Job:
        return do_for_real(job_id=self.job_id, by=by, at=at)


def _sum_grants(job: Job) -> dict[str, Decimal]:
    """Return unit → the amount that the rows of a file grant, whether or not they were granted before."""
    totals: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for content in job.items.order_by("number").values_list("content", flat=True).iterator():
        rows = [TableRow(*number_and_cells) for number_and_cells in msgspec.json.decode(content or b"[]")]
        grant_rows, _problems = parse_grant_rows(rows, sandbox=job.parameters["sandbox"], at=job.created_at)
        for row in grant_rows:
            totals[row.sought.unit] = EXACT.add(totals[row.sought.unit], row.grant.amount)
    return dict(sorted(totals.items()))
