"""Email templates that replace the built-in texts."""

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


@pghistory.track()
class EmailTemplate(models.Model):
    """
    The seller's own text for one kind of email in one language; without it, the built-in text is used.

    subject, body: plain text; `{number}` is replaced by a fact of the kind. Empty lines separate paragraphs.
    """

    kind = models.CharField(_("mail"), max_length=60)
    language = models.CharField(max_length=3)
    subject = models.CharField(max_length=200)
    body = models.TextField(_("paragraphs"))

    class Meta:
        verbose_name = _("email template")
        constraints = [
            models.UniqueConstraint(fields=["kind", "language"], name="email_template_exists_once_per_language"),
            models.CheckConstraint(
                condition=Q(language__regex="^[a-z]{2,3}$") & ~Q(subject="") & ~Q(body=""),
                name="email_template_has_a_text_in_a_language",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.language})"
