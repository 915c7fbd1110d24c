"""Plan migrations: one is run, one is announced to its customers, and one is previewed."""

from datetime import datetime

from billing.models import PlanMigration
from billing.plan_migrations import workflow
from billing.plan_migrations.cohort import MigrationTerms, Selection, plan_migration
from demo.office.office_data import OPERATIONS, office_rows, staff, work_on_jobs
from plans.models import PlanVersion


def add(*, at: datetime) -> bool:
    by = staff(OPERATIONS)
    planned = set(PlanMigration.objects.values_list("title", flat=True))
    missing = [row for row in office_rows("migrations") if row["title"] not in planned]
    for row in missing:
        migration = plan_migration(
            title=row["title"],
            version=PlanVersion.objects.in_force(at).get(plan__code=row["target"]),
            selection=Selection(plan=row["plan"], currency=row.get("currency", ""), seller=row.get("seller", "")),
            terms=MigrationTerms(notice_days=row.get("notice_days")),
            at=at,
            by=by,
        )
        workflow.preview(migration_id=migration.pk, at=at, by=by)
        work_on_jobs(at)
        if row.get("notice_days"):
            workflow.announce(migration_id=migration.pk, at=at, by=by)
        if row.get("runs"):
            workflow.run(migration_id=migration.pk, at=at, by=by)
            work_on_jobs(at)
    return bool(missing)
