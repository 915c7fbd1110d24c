"""Invoices by what became of their files."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from invoices.models import Invoice, Rendering
from invoices.models.invoices import InvoiceState


class FileFilter(DropdownFilter):
    """What became of the invoices' files."""

    title = "PDF"
    parameter_name = "file"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("done", "made"),
            ("missing", "not there"),
            ("waiting", "not made yet"),
            ("failed", "could not be made"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        files = Rendering.objects.filter(invoice=OuterRef("pk"))
        made, is_issued = Exists(files.filter(content__isnull=False)), ~Q(state=InvoiceState.DRAFT)
        chosen = {
            "done": made,
            "missing": ~made & is_issued,
            "failed": Exists(files.filter(content__isnull=True)),
            "waiting": ~Exists(files) & is_issued,
        }.get(self.value())
        return queryset if chosen is None else queryset.filter(chosen)
