"""PDF files of issued invoices."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from invoices.models.invoices import Invoice, InvoiceState


class RenderingQuerySet(models.QuerySet["Rendering"]):
    def waiting(self, at: datetime) -> Self:
        """Return the failed renderings that are due for a retry."""
        return self.filter(content__isnull=True, retry_at__lte=at)

    def parked(self) -> Self:
        """Return the renderings that failed too often to be retried automatically."""
        return self.filter(content__isnull=True, retry_at__isnull=True)


class Rendering(models.Model):
    """
    The PDF file of one invoice, made once and stored with its hash; or the reason why it could not be made.

    An issued invoice without a row here is due to be rendered: the absence is the queue. A running or failed attempt
    is a row without content that says when to retry: see invoices/rendering/render_queue.py.
    """

    invoice = models.OneToOneField("invoices.Invoice", on_delete=models.PROTECT, related_name="rendering")
    content = models.BinaryField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=1)
    error = models.TextField(blank=True)
    retry_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    rendered_at = models.DateTimeField(null=True)

    objects = RenderingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(content__isnull=False, sha256__regex="^[0-9a-f]{64}$", rendered_at__isnull=False)
                | Q(content__isnull=True, sha256="", rendered_at__isnull=True),
                name="rendering_has_a_hash_if_and_only_if_done",
            )
        ]
        indexes = [models.Index(fields=["retry_at"], condition=Q(content__isnull=True), name="rendering_due")]

    def __str__(self) -> str:
        return self.sha256 or self.error


def unrendered(at: datetime) -> models.QuerySet[Invoice]:
    """
    Return the issued invoices whose file is due to be rendered at `at`, oldest first.

    The query is a union of the two ways to be due, each served by an index: one condition with OR takes twice as
    long.
    """
    renderings = Rendering.objects.filter(invoice=OuterRef("pk"))
    fresh = Invoice.objects.exclude(state=InvoiceState.DRAFT).filter(~Exists(renderings))
    to_retry = Invoice.objects.filter(pk__in=Rendering.objects.waiting(at).values("invoice"))
    return fresh.union(to_retry).order_by("id")
