"""The rule for publishing prices. Whether a second person must approve is an approval rule: docs/approvals.md."""

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


@pghistory.track()
class PublishingRule(models.Model):
    """The settings for publishing prices, in a table with a single row."""

    needs_simulation = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("Requires a finished simulation before a later version of a plan is published."),
    )
    one_model_per_plan = models.BooleanField(
        default=False,
        help_text=_("The plan check warns if the metered features of a version have different consumption models."),
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_publishing_rule")]

    def __str__(self) -> str:
        return "publishing rule"
