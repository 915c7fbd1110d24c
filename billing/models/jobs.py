"""Background jobs: a job, its items, and the file that it is created from."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.triggers import process_items_once
from lib.field_types import finite, one_of

# A file is stored in parts, as rows, so that no process holds all of it in memory.
MAX_ITEMS = 10_000_000
MAX_FILE_BYTES = 200 * 1024 * 1024
PART_BYTES = 1024 * 1024


class JobKind(models.TextChoices):
    """The kind of a job; the definitions are in billing/job_kinds.py."""

    USAGE_IMPORT = "usage_import", _("usage import")
    PROMOTION = "promotion", _("promotional grants")
    CLOSE_RUN = "close_run", _("invoice run")
    RENDERING = "rendering", _("PDF generation")
    AUDIT = "audit", _("audit")
    MIGRATION_PREVIEW = "migration_preview", _("migration preview")
    MIGRATION = "migration", _("migration")
    MIGRATION_UNDO = "migration_undo", _("migration rollback")
    SIMULATION = "simulation", _("simulation")
    MONTH_LOCK = "month_lock", _("month lock")
    EXPORT = "export", _("accounting files")
    DATA_DROP = "data_drop", _("data drop")
    CUSTOMER_BATCH = "customer_batch", _("change of customers")
    INVOICE_EMAILS = "invoice_emails", _("emails of invoices")
    INVOICE_CHARGES = "invoice_charges", _("charges of invoices")
    WRITE_OFFS = "write_offs", _("write-offs")


class JobState(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELED = "canceled", _("canceled")


OPEN_STATES = (JobState.QUEUED, JobState.RUNNING)
"""States in which workers process a job's items."""

ENDED_STATES = (JobState.DONE, JobState.FAILED, JobState.CANCELED)


@pghistory.track(exclude=["split_tries"])
class Job(models.Model):
    """
    Work on many rows: split into items first, then processed item by item.

    dry_run: whether items only report their effects; a finished dry run can be run for real.
    parameters: input of the kind.
    total: number of items, null until the job is split.
    failed, figures: number of failed items and sums of the items' figures, once the job has ended.
    split_tries: tries to split it since items were last stored.
    error: why it could not be split; empty otherwise.
    file_name, file_bytes, file_sha256: of the file that it was created from, if there is one.
    cleared_at: when the contents of its items were cleared, long after its end.
    """

    kind = models.CharField(max_length=40, choices=JobKind)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=9, choices=JobState, default=JobState.QUEUED)
    dry_run = models.BooleanField()
    parameters = models.JSONField(default=dict)
    total = models.IntegerField(null=True)
    split_tries = models.SmallIntegerField(default=0)
    failed = models.IntegerField(default=0)
    figures = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    file_name = models.CharField(max_length=200, blank=True)
    file_bytes = models.BigIntegerField(default=0)
    file_sha256 = models.CharField(max_length=64, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        permissions = [("import_event", "Can import usage")]
        constraints = [
            one_of("kind", JobKind, name="job_kind_is_known"),
            one_of("state", JobState, name="job_state_is_known"),
            models.CheckConstraint(condition=~Q(title=""), name="job_has_a_title"),
            models.CheckConstraint(
                condition=Q(state__in=ENDED_STATES, finished_at__isnull=False)
                | ~Q(state__in=ENDED_STATES) & Q(finished_at__isnull=True),
                name="job_says_when_it_ended",
            ),
            models.CheckConstraint(
                condition=Q(cleared_at__isnull=True) | Q(finished_at__isnull=False),
                name="only_an_ended_job_is_cleared",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(total__isnull=False, failed=0), name="done_job_has_done_all_its_items"
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | Q(failed__gt=0) | ~Q(error=""),
                name="failed_job_has_failures_or_an_error",
            ),
            finite("total", most=MAX_ITEMS, name="job_has_a_bounded_number_of_items"),
            finite("split_tries", most=1_000, name="tries_to_split_a_job_are_bounded"),
            models.CheckConstraint(
                condition=Q(failed=0) | Q(total__isnull=False, failed__gt=0, failed__lte=F("total")),
                name="no_more_fails_than_there_is",
            ),
            finite("file_bytes", most=MAX_FILE_BYTES, name="job_file_is_bounded"),
            models.CheckConstraint(
                condition=Q(file_name="", file_bytes=0, file_sha256="")
                | ~Q(file_name="") & Q(file_bytes__gt=0, file_sha256__regex="^[0-9a-f]{64}$"),
                name="job_file_has_a_name_and_a_hash",
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(state__in=OPEN_STATES), name="job_open")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED_STATES


class JobPart(models.Model):
    """A mebibyte of a job's file, the last one shorter; deleted once the job is split, or can't be."""

    job = models.ForeignKey("billing.Job", on_delete=models.PROTECT, related_name="parts", db_index=False)
    number = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="file_has_each_part_once"),
            finite("number", most=MAX_FILE_BYTES // PART_BYTES, name="file_part_is_bounded"),
        ]

    def __str__(self) -> str:
        return f"part {self.number}"


class ItemState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class JobItem(models.Model):
    """
    One item of a job, processed in one transaction with all its effects, or not at all.

    parameters, content: its input; the content is cleared once it is no longer needed.
    tries: number of tries.
    begun_at: start of the last try.
    error: why the last try failed.
    figures: counts of its outcome: name → whole number.
    findings: rows of the result file, one object each.
    """

    job = models.ForeignKey("billing.Job", on_delete=models.PROTECT, related_name="items", db_index=False)
    number = models.IntegerField()
    state = models.CharField(max_length=7, choices=ItemState, default=ItemState.WAITING)
    parameters = models.JSONField(default=dict)
    content = models.BinaryField(null=True)
    tries = models.SmallIntegerField(default=0)
    error = models.TextField(blank=True)
    figures = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    begun_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="job_has_each_item_once"),
            one_of("state", ItemState, name="item_state_is_known"),
            finite("number", least=1, most=MAX_ITEMS, name="items_are_numbered_from_one"),
            finite("tries", most=1_000, name="item_tries_are_bounded"),
            models.CheckConstraint(
                condition=Q(state="waiting", finished_at__isnull=True)
                | ~Q(state="waiting") & Q(finished_at__isnull=False),
                name="item_says_when_it_ended",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="failed_item_says_why"),
            models.CheckConstraint(condition=~Q(state="done") | Q(error=""), name="done_item_has_no_error"),
        ]
        indexes = [models.Index(fields=["job", "state", "number"], name="items_of_job_by_state")]
        triggers = [process_items_once()]

    def __str__(self) -> str:
        return f"{self.job_id}, item {self.number}"
