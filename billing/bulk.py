"""Which kinds of bulk work there are: docs/jobs.md says what a new one needs."""

from billing.auditing.job import AUDIT
from billing.closing.runs import CLOSE_RUN
from billing.granting.job import PROMOTION
from billing.importing.job import USAGE_IMPORT
from billing.jobs.kinds import Kinds
from billing.migrating.steps import MIGRATION, MIGRATION_PREVIEW, MIGRATION_UNDO
from billing.models.jobs import JobKind
from billing.printing.job import RENDERING
from billing.simulating.job import SIMULATION

KINDS: Kinds = {
    JobKind.USAGE_IMPORT: USAGE_IMPORT,
    JobKind.PROMOTION: PROMOTION,
    JobKind.CLOSE_RUN: CLOSE_RUN,
    JobKind.RENDERING: RENDERING,
    JobKind.AUDIT: AUDIT,
    JobKind.MIGRATION_PREVIEW: MIGRATION_PREVIEW,
    JobKind.MIGRATION: MIGRATION,
    JobKind.MIGRATION_UNDO: MIGRATION_UNDO,
    JobKind.SIMULATION: SIMULATION,
}
