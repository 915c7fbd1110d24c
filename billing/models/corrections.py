"""Corrections of usage, with the actor and the reason."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import one_of
from lib.triggers import append_only


class CorrectionKind(models.TextChoices):
    VOID = "void", _("reversed")
    REPLACE = "replace", _("replaced")


class Correction(models.Model):
    """
    The correction of one stored event, which voids it or replaces it by another one; rows are only added.

    event_key, replacement_key: of events. A replacement is an event like any other, and is corrected like any other.
    sequence: from the same sequence as those of events, drawn under the lock of the event's periods. A line bills the
        events with a number up to its mark, except those voided by corrections up to it.
    by, api_key: the actor, one of the two.
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
                name="correction_names_its_author",
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.reason}"

    @property
    def who(self) -> str:
        """The actor's display name."""
        return str(self.by or self.api_key)
