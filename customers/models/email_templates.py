"""How mails are worded, where that is not as they come with the product."""

import pghistory
from django.db import models
from django.db.models import Q


@pghistory.track()
class EmailTemplate(models.Model):
    """
    Finance's own text of one kind of mail in one language; without it, the text that comes with the product.

    subject, body: plain text; `{number}` stands for a fact of the kind. Paragraphs are set apart by an empty line.
    """

    kind = models.CharField("mail", max_length=60)
    language = models.CharField(max_length=3)
    subject = models.CharField(max_length=200)
    body = models.TextField("paragraphs")

    class Meta:
        verbose_name = "mail text"
        constraints = [
            models.UniqueConstraint(fields=["kind", "language"], name="mail_is_worded_once_in_a_language"),
            models.CheckConstraint(
                condition=Q(language__regex="^[a-z]{2,3}$") & ~Q(subject="") & ~Q(body=""),
                name="wording_says_something_in_a_language",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.language})"
