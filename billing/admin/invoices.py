"""Invoices, finished once more: the PDFs of those that are chosen, by a job."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from billing.admin.jobs import printing
from billing.printing.selecting import of_ids
from invoices.models import Invoice
from invoices.models.documents import InvoiceState
from wallets.admin.payments import PayableInvoiceAdmin

MOST_AT_ONCE = 1_000


@admin.register(Invoice)
class PrintableInvoiceAdmin(PayableInvoiceAdmin):
    actions = ("make_files",)

    @admin.action(description="Make PDFs", permissions=["render"])
    def make_files(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> HttpResponse | None:
        """Make what is missing of the chosen documents' files; the job's page has all of them as an archive."""
        issued = queryset.exclude(state=InvoiceState.DRAFT).order_by("pk")
        ids = list(issued.values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
        if not ids or len(ids) > MOST_AT_ONCE:
            self.message_user(request, f"Choose 1 to {MOST_AT_ONCE:,} issued documents.", messages.WARNING)
            return None
        return printing.start(request, of=of_ids(ids), title=f"PDFs of {len(ids):,} documents")
