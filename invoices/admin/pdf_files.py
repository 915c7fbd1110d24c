"""Filter invoices by the state of their PDF file."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from invoices.models import Invoice, Rendering
from invoices.models.invoices import InvoiceState


class PdfFilter(DropdownFilter):
    """The state of the invoices' PDF files."""

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
        renderings = Rendering.objects.filter(invoice=OuterRef("pk"))
        has_file, is_issued = Exists(renderings.filter(content__isnull=False)), ~Q(state=InvoiceState.DRAFT)
        condition = {
            "done": has_file,
            "missing": ~has_file & is_issued,
            "failed": Exists(renderings.filter(content__isnull=True)),
            "waiting": ~Exists(renderings) & is_issued,
        }.get(self.value())
        return queryset if condition is None else queryset.filter(condition)
