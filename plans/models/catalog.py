"""The catalog: features and plans."""

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import one_of
from plans.models.meters import code
from plans.triggers import catalog_changed


class FeatureKind(models.TextChoices):
    METERED = "metered", _("metered")
    BOOLEAN = "boolean", _("included or not")
    STATIC = "static", _("fixed value")


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
    OPEN = "open", _("allow: usage is reported later")
    CLOSED = "closed", _("reject")


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
        _("when billing is unreachable"),
        max_length=6,
        choices=WhenUnreachable,
        default=WhenUnreachable.OPEN,
        db_default=WhenUnreachable.OPEN,
        help_text=_("What your product does if a check gets no response."),
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
    is_public: whether the pricing table shows the plan to everyone: docs/embedding.md#pricing-table.
    """

    code = models.CharField(max_length=64, unique=True, validators=[code])
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    self_service = models.BooleanField(
        _("customers can switch in the portal"),
        default=False,
        db_default=False,
        help_text=_("Customers can switch between the plans with this setting."),
    )
    is_public = models.BooleanField(
        _("in the pricing table"),
        default=False,
        db_default=False,
        help_text=_("Anyone can read the plan's prices in the public pricing table."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name
