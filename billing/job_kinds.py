"""The kinds of background jobs and their definitions; docs/jobs.md explains how to add one."""

from billing.audit.job import AUDIT
from billing.closing.invoice_batches import INVOICE_BATCHES
from billing.closing.invoice_run_job import INVOICE_RUN
from billing.closing.pdf_archives.job import RENDERING
from billing.jobs.definitions import JobDefinitions
from billing.metering.imports.job import USAGE_IMPORT
from billing.models.jobs import JobKind
from billing.plan_migrations.jobs import MIGRATION, MIGRATION_PREVIEW, MIGRATION_UNDO
from billing.revenue.accounting_files.job import EXPORT
from billing.revenue.data_drop.job import DATA_DROP
from billing.revenue.month_end.month_freeze import MONTH_LOCK
from billing.simulation.job import SIMULATION
from billing.subscriptions.bulk_grants.job import PROMOTION
from billing.subscriptions.customer_batches import CUSTOMER_BATCH

KINDS: JobDefinitions = {
    JobKind.USAGE_IMPORT: USAGE_IMPORT,
    JobKind.PROMOTION: PROMOTION,
    JobKind.CLOSE_RUN: INVOICE_RUN,
    JobKind.RENDERING: RENDERING,
    JobKind.AUDIT: AUDIT,
    JobKind.MIGRATION_PREVIEW: MIGRATION_PREVIEW,
    JobKind.MIGRATION: MIGRATION,
    JobKind.MIGRATION_UNDO: MIGRATION_UNDO,
    JobKind.SIMULATION: SIMULATION,
    JobKind.MONTH_LOCK: MONTH_LOCK,
    JobKind.EXPORT: EXPORT,
    JobKind.DATA_DROP: DATA_DROP,
    JobKind.CUSTOMER_BATCH: CUSTOMER_BATCH,
    **INVOICE_BATCHES,
}
