"""Targets of the nightly data drop, and the files that lie there: docs/data-drop.md."""

import pghistory
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.triggers import drop_part_is_only_replaced, drop_target_keeps_its_place
from lib.field_types import finite, one_of

# Names without "." and ".." alone, so that no path leads out of its folder.
_PATH = r"^([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$"
_BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
_SHA256 = "^[0-9a-f]{64}$"
MAX_PART_BYTES = 5 * 10**9
"""The most that an S3-compatible server takes in one request."""


class DropKind(models.TextChoices):
    FOLDER = "folder", _("folder")
    BUCKET = "bucket", _("S3-compatible bucket")


class DropFormat(models.TextChoices):
    PARQUET = "parquet", _("Parquet")
    CSV = "csv", _("CSV")


@pghistory.track(exclude=["secret"])
class DropTarget(models.Model):
    """
    A folder or bucket that gets all tables of one seller, or of all sellers, every night.

    It keeps its place, because its parts lie there; what is left there is replaced by adding another target.

    path: of the folder below settings.DROP_DIRECTORY, or the prefix of the keys in the bucket.
    endpoint, region, bucket, access_key, secret: of an S3-compatible server; the secret key is encrypted.
    hour: of the day in UTC from which the drop of that day begins.
    """

    name = models.SlugField(max_length=40, unique=True)
    seller = models.ForeignKey(
        "customers.Seller",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="drop_targets",
        help_text=_("Empty: all sellers."),
    )
    kind = models.CharField(max_length=6, choices=DropKind)
    format = models.CharField(max_length=7, choices=DropFormat, default=DropFormat.PARQUET)
    path = models.CharField(
        _("folder or prefix"),
        max_length=200,
        blank=True,
        validators=[RegexValidator(_PATH, _("Use letters, digits, “_”, “-” and “.”, with “/” between folders."))],
        help_text=_("A folder below TOLLBOOK_DROP_DIRECTORY, or the prefix of all keys in the bucket."),
    )
    endpoint = models.CharField(
        max_length=200, blank=True, help_text=_("Bucket: such as https://s3.eu-central-1.amazonaws.com.")
    )
    region = models.CharField(max_length=40, blank=True, help_text=_("Bucket: such as eu-central-1."))
    bucket = models.CharField(
        max_length=63, blank=True, validators=[RegexValidator(_BUCKET, _("This is no name of a bucket."))]
    )
    access_key = models.CharField(_("access key ID"), max_length=200, blank=True)
    secret = models.TextField(blank=True, editable=False)
    hour = models.PositiveSmallIntegerField(
        default=2, help_text=_("The drop begins in this hour of the day in UTC, 0 to 23.")
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "endpoint", "bucket", "path"],
                name="place_belongs_to_one_drop_target",
                violation_error_message=_("Another target writes to this place. Choose another folder or prefix."),
            ),
            one_of("format", DropFormat, name="drop_format_is_known"),
            models.CheckConstraint(condition=Q(path__regex=_PATH), name="drop_path_leads_below_its_folder"),
            finite("hour", most=23, name="drop_begins_in_an_hour_of_the_day"),
            models.CheckConstraint(
                condition=Q(kind=DropKind.FOLDER, endpoint="", bucket="", region="", access_key="") & ~Q(path="")
                | Q(kind=DropKind.BUCKET, endpoint__regex="^https?://", bucket__regex=_BUCKET)
                & ~Q(region="")
                & ~Q(access_key=""),
                name="drop_target_has_a_folder_or_a_bucket",
                violation_error_message=_(
                    "A folder needs its path only; a bucket needs an endpoint, a region, a name and an access key."
                ),
            ),
            models.CheckConstraint(
                # How all that Fernet encrypts begins.
                condition=Q(kind=DropKind.FOLDER, secret="") | Q(kind=DropKind.BUCKET, secret__startswith="gAAAA"),  # noqa: S106
                name="drop_target_secret_is_kept_encrypted",
            ),
        ]
        triggers = [drop_target_keeps_its_place()]

    def __str__(self) -> str:
        return self.name


class DropPart(models.Model):
    """
    A file of a target: the rows of one table in one range of keys, never changed once written.

    section: which rows of a table are numbered by themselves: those of a month lock or a seller; empty if all are.
    number: of the range; see billing/revenue/data_drop/tables.py.
    path: below the target's own; empty if the range has no rows, so that there is no file.
    first_key, last_key: the least and greatest key of its rows.
    columns: SHA-256 of the format, and of the names and types of the columns.
    is_final: whether its rows can no longer change, so that later drops leave the range out.
    replaced_at: when another part took its place, or its rows were no longer wanted; the file is deleted later.
    """

    target = models.ForeignKey("billing.DropTarget", on_delete=models.PROTECT, related_name="parts", db_index=False)
    job = models.ForeignKey("billing.Job", on_delete=models.PROTECT, related_name="+", db_index=False)
    table_name = models.CharField(max_length=40)
    section = models.CharField(max_length=40, blank=True)
    number = models.BigIntegerField()
    path = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size = models.BigIntegerField()
    rows = models.BigIntegerField()
    first_key = models.BigIntegerField(null=True)
    last_key = models.BigIntegerField(null=True)
    columns = models.CharField(max_length=64)
    is_final = models.BooleanField()
    written_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["target", "table_name", "section", "number"],
                condition=Q(replaced_at__isnull=True),
                name="range_of_a_drop_has_one_part",
            ),
            models.UniqueConstraint(
                fields=["target", "path"], condition=~Q(path=""), name="file_of_a_drop_is_written_once"
            ),
            models.CheckConstraint(
                condition=Q(path="", rows=0, size=0, first_key__isnull=True, last_key__isnull=True, is_final=True)
                | ~Q(path="")
                & Q(rows__gt=0, size__gt=0, first_key__isnull=False, last_key__gte=models.F("first_key")),
                name="drop_part_has_a_file_if_it_has_rows",
            ),
            models.CheckConstraint(
                condition=Q(sha256__regex=_SHA256, columns__regex=_SHA256), name="drop_part_has_digests"
            ),
            finite("number", most=2**62, name="range_of_a_drop_is_numbered"),
            finite("size", most=MAX_PART_BYTES, name="file_of_a_drop_is_bounded"),
            finite("rows", most=10**12, name="rows_of_a_drop_part_are_finite"),
            models.CheckConstraint(
                condition=Q(replaced_at__isnull=True) | Q(replaced_at__gte=models.F("written_at")),
                name="drop_part_is_replaced_after_it_was_written",
            ),
        ]
        indexes = [
            models.Index(
                fields=["target", "replaced_at"], condition=Q(replaced_at__isnull=False), name="drop_part_replaced"
            )
        ]
        triggers = [drop_part_is_only_replaced()]

    def __str__(self) -> str:
        return self.path or f"{self.table_name} {self.section} {self.number}: no rows"
