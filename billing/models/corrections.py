"""What was put right about usage, by whom and why."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from billing.triggers import append_only
from lib.field_types import one_of


class CorrectionKind(models.TextChoices):
    VOID = "void", "taken back"
    REPLACE = "replace", "replaced"


class Correction(models.Model):
    """
    One stored event taken back, and perhaps another one put in its place; only ever added.

    event_key, replacement_key: of events. A replacement is an event like any other, and is corrected like any other.
    sequence: from the same numbers as those of events, drawn under the gate of the event's periods. What a line has
        billed are the events with a number up to its mark, but for those that corrections up to it took back.
    by, api_key: who asked for it, one of the two.
    """

    event_key = models.UUIDField()
    sequence = models.BigIntegerField(unique=True)
    kind = models.CharField(max_length=8, choices=CorrectionKind)
    replacement_key = models.UUIDField(null=True, unique=True)
    sandbox = models.BooleanField()
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    api_key = models.ForeignKey("customers.ApiKey", on_delete=models.PROTECT, null=True, related_name="+")
    corrected_at = models.DateTimeField()

    class Meta:
        permissions = [("correct_event", "Can correct usage")]
        constraints = [
            models.UniqueConstraint(fields=["event_key"], name="event_is_corrected_once"),
            one_of("kind", CorrectionKind, name="correction_kind_is_known"),
            models.CheckConstraint(
                condition=Q(kind="replace", replacement_key__isnull=False)
                | Q(kind="void", replacement_key__isnull=True),
                name="only_a_replacement_has_an_event_of_its_own",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="correction_has_a_reason"),
            models.CheckConstraint(
                condition=Q(by__isnull=False, api_key__isnull=True) | Q(by__isnull=True, api_key__isnull=False),
                name="correction_says_who",
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.reason}"

    @property
    def who(self) -> str:
        """Who asked for it, as people call them."""
        return str(self.by or self.api_key)
