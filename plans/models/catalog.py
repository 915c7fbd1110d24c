"""The catalog: features and plans."""

import pghistory
from django.db import models
from django.db.models import Q

from lib.field_types import one_of
from plans.models.meters import code
from plans.triggers import catalog_changed


class FeatureKind(models.TextChoices):
    METERED = "metered", "metered"
    BOOLEAN = "boolean", "has it or not"
    STATIC = "static", "a fixed value"


class CatalogRevision(models.Model):
    """
    The revision of meters and features that is current, in a table with a single row.

    Every process caches the catalog in memory and compares this number before it trusts its copy.
    """

    revision = models.BigIntegerField(default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_catalog")]

    def __str__(self) -> str:
        return f"revision {self.revision}"


class WhenUnreachable(models.TextChoices):
    OPEN = "open", "let it through: use is reported later"
    CLOSED = "closed", "do not let it through"


@pghistory.track()
class Feature(models.Model):
    """
    Something that a customer may use. A metered feature has one meter.

    when_unreachable: the product's behavior when its check of the entitlement gets no answer.
    """

    code = models.CharField(max_length=64, unique=True, validators=[code])
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=FeatureKind, default=FeatureKind.METERED)
    meter = models.ForeignKey("plans.Meter", on_delete=models.PROTECT, null=True, blank=True, related_name="features")
    when_unreachable = models.CharField(
        "when billing cannot be reached",
        max_length=6,
        choices=WhenUnreachable,
        default=WhenUnreachable.OPEN,
        db_default=WhenUnreachable.OPEN,
        help_text="What your product does while it gets no answer to a check.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            one_of("kind", FeatureKind, name="feature_kind_is_known"),
            one_of("when_unreachable", WhenUnreachable, name="feature_fails_open_or_closed"),
            models.CheckConstraint(
                condition=Q(kind="metered", meter__isnull=False) | (~Q(kind="metered") & Q(meter__isnull=True)),
                name="feature_has_a_meter_if_and_only_if_metered",
            ),
        ]
        triggers = [catalog_changed()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Plan(models.Model):
    """
    A priced offer. Its prices belong to its versions.

    self_service: whether customers can switch to and from the plan by themselves in the portal.
    """

    code = models.CharField(max_length=64, unique=True, validators=[code])
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    self_service = models.BooleanField(
        "customers may change by themselves",
        default=False,
        db_default=False,
        help_text="In the portal: between all plans that say so, from one of them to another.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name
