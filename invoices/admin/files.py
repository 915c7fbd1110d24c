"""Invoices by what became of their files."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from invoices.models import Invoice, Rendering
from invoices.models.documents import InvoiceState


class FileFilter(DropdownFilter):
    """What became of the invoices' files."""

    title = "PDF"
    parameter_name = "file"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("done", "made"), ("waiting", "not made yet"), ("failed", "could not be made")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        files = Rendering.objects.filter(invoice=OuterRef("pk"))
        chosen = {
            "done": Exists(files.filter(content__isnull=False)),
            "failed": Exists(files.filter(content__isnull=True)),
            "waiting": ~Exists(files) & ~Q(state=InvoiceState.DRAFT),
        }.get(self.value())
        return queryset if chosen is None else queryset.filter(chosen)
