"""Metadata and tags of invoices."""

import pghistory
from django.db import models

from invoices.models.invoices import Invoice
from lib.labels import MetadataField, TagsField, label_constraints, label_indexes


@pghistory.track()
class InvoiceLabels(models.Model):
    """
    The metadata and tags of an invoice or credit note, which may change after it is issued; no row if there are none.

    They are no part of the document: docs/decisions/0079-labels-of-invoices-have-a-table.md. A discarded draft takes
    them along.
    """

    invoice = models.OneToOneField(
        "invoices.Invoice", on_delete=models.CASCADE, primary_key=True, related_name="labels"
    )
    metadata = MetadataField()
    tags = TagsField()

    class Meta:
        verbose_name_plural = "invoice labels"
        constraints = label_constraints("invoice")
        indexes = label_indexes("invoice")

    def __str__(self) -> str:
        return ", ".join(self.tags)


def labels_of(invoice: Invoice) -> InvoiceLabels:
    """Return the labels of an invoice; an unsaved row, without any, if it has none."""
    labels: InvoiceLabels | None = getattr(invoice, "labels", None)
    return InvoiceLabels(invoice=invoice) if labels is None else labels
