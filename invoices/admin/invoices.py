"""Invoices and credit notes: found by number or customer, read line by line, never edited."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
)
from unfold.decorators import action, display

from customers.admin.search import find_customer_ids
from customers.customer_time import current_time
from invoices.admin.credit_notes import VoidInvoiceForm, credit_page
from invoices.admin.einvoice_files import einvoice_paths
from invoices.admin.one_off_invoices import draft_page
from invoices.admin.pdf_files import PdfFilter
from invoices.credit_notes import CreditRefused, void_invoice
from invoices.models import DocumentKind, Invoice, Rendering
from invoices.models.invoices import BILLS_USAGE
from invoices.one_off_invoices import (
    OneOffInvoiceRefused,
    discard_draft,
    issue_draft,
    preview_invoice,
    request_from_draft,
)
from invoices.payments.attempts import PaymentAttemptRefused, close_pages
from invoices.rendering import renderer
from invoices.rendering.downloads import file_name
from invoices.rendering.facts_reader import read_invoice_facts
from invoices.rendering.page_content import compose
from lib.admin.number_fields import number_cell
from lib.formats import format_money

STATE_COLORS = {
    "draft": "info",
    "issued": "info",
    "paid": "success",
    "overdue": "danger",
    "uncollectible": "warning",
}
STAFF_LOCALE = "en_US"


class InvoiceAdmin(ModelAdmin):
    list_display = ("name", "customer_shown", "state_shown", "issue_date", "due_date", "total_shown")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
        ("issue_date", RangeDateFilter),
        ("seller", AutocompleteSelectFilter),
        ("sandbox", BooleanRadioFilter),
        PdfFilter,
    )
    list_select_related = ("customer",)
    search_fields = ("number",)
    search_help_text = "The start of a number, or part of a customer's name"
    ordering = ("-pk",)
    actions_detail = ("open_pdf", "edit_draft", "issue_draft", "discard_draft", "credit", "void", "render_again")
    change_form_before_template = "staff/invoices/invoice.html"

    @display(description="Number", ordering="number")
    def name(self, invoice: Invoice) -> str:
        return f"{invoice}{' (sandbox)' if invoice.sandbox else ''}"

    @display(description="Customer")
    def customer_shown(self, invoice: Invoice) -> str:
        return str(invoice.customer)

    @display(description="State", ordering="state", label=STATE_COLORS)
    def state_shown(self, invoice: Invoice) -> tuple[str, str]:
        return invoice.state, invoice.get_state_display()

    @display(description="Total", ordering="total")
    def total_shown(self, invoice: Invoice) -> str:
        is_note = invoice.kind == DocumentKind.CREDIT_NOTE
        return number_cell(
            format_money(-invoice.total.amount if is_note else invoice.total.amount, str(invoice.currency))
        )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        """Match a whole number exactly; otherwise match the start of a number, and invoices of customers by name."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if (exact := queryset.filter(number=term.upper())).exists():
            return exact, False
        return queryset.filter(Q(number__startswith=term.upper()) | Q(customer_id__in=find_customer_ids(term))), False

    def get_fieldsets(self, request: HttpRequest, obj: Invoice | None = None) -> list[Any]:
        return []  # the page above the form says it all

    def get_urls(self) -> list[URLPattern]:
        return [*einvoice_paths(self), *super().get_urls()]

    # The page ------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        invoice = self.get_object(request, object_id)
        context = self.page_context(invoice) if invoice is not None else {}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def page_context(self, invoice: Invoice) -> dict[str, Any]:
        """Return the page's context: the document's own text, in the staff's language."""
        rendering = Rendering.objects.defer("content").filter(invoice=invoice).first()
        return {
            "title": f"{invoice.get_kind_display().capitalize()} {invoice}",
            "invoice": invoice,
            "corrections": list(invoice.corrections.order_by("pk")),
            "due": format_money(invoice.due, str(invoice.currency)) if invoice.credited or invoice.paid else "",
            "document": compose(replace(read_invoice_facts(invoice), locale=STAFF_LOCALE)),
            "state_color": STATE_COLORS.get(invoice.state, ""),
            "rendering": rendering,
            "usage_lines": invoice.lines.filter(kind__in=BILLS_USAGE).order_by("position"),
        }

    @action(description="Open PDF", icon="picture_as_pdf", attrs={"target": "_blank"})
    def open_pdf(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the file, rendering it now if no worker has yet."""
        invoice = self._invoice(request, object_id)
        try:
            rendering = renderer.render_one(invoice_id=invoice.pk, at=timezone.now())
        except renderer.NotRendered as reason:
            messages.warning(request, f"There is no PDF: {reason}")
            return HttpResponseRedirect(_page(invoice))
        return HttpResponse(
            bytes(rendering.content or b""),
            content_type="application/pdf",
            headers={"Content-Disposition": f'inline; filename="{file_name(invoice)}"'},
        )

    @action(description="Credit", icon="undo", permissions=["credit"])
    def credit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Credit an issued invoice, partly or fully."""
        invoice = self._invoice(request, object_id)
        if not _is_creditable(invoice):
            messages.warning(request, f"Nothing is left of {invoice} to credit.")
            return HttpResponseRedirect(_page(invoice))
        return credit_page(self, request, invoice)

    @action(description="Void", icon="block", permissions=["credit"])
    def void(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Void an invoice that should not have been sent."""
        invoice = self._invoice(request, object_id)
        form = VoidInvoiceForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            at = current_time(invoice.customer)
            try:
                close_pages(invoice_id=invoice.pk, at=at)
                note = void_invoice(invoice_id=invoice.pk, **form.cleaned_data, at=at, by=request.user)
            except (PaymentAttemptRefused, CreditRefused) as refused:
                form.add_error(None, str(refused))
            else:
                messages.success(request, f"{invoice} is void: {note} takes all of it back.")
                return HttpResponseRedirect(_page(note))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=invoice,
            title=f"Void {invoice}",
            consequences=[
                f"A credit note takes back {format_money(invoice.left, str(invoice.currency))}, and the invoice is "
                "void.",
                "The customer is sent the credit note; no money moves.",
                "This cannot be undone: what is still claimed is claimed by another invoice.",
            ],
            problems=[f"Some of {invoice} is paid: credit it, and say where the money goes."] if invoice.paid else [],
            form=form,
            verb="Void invoice",
            danger=True,
        )

    @action(description="Edit", icon="edit", permissions=["claim"])
    def edit_draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Edit a draft."""
        return draft_page(self, request, self._draft(request, object_id))

    @action(description="Issue", icon="send", permissions=["claim"])
    def issue_draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Number a draft, and issue it."""
        draft = self._draft(request, object_id)
        preview, problems = None, []
        try:
            if request.method == "POST":
                invoice = issue_draft(invoice_id=draft.pk, at=current_time(draft.customer), by=request.user)
                messages.success(request, f"{invoice} is issued.")
                return HttpResponseRedirect(_page(invoice))
            preview = preview_invoice(
                customer=draft.customer, request=request_from_draft(draft), at=current_time(draft.customer)
            )
        except OneOffInvoiceRefused as refused:
            problems = [str(refused)]
        summary = (
            f"It claims {format_money(preview.totals.total, preview.currency)} of {draft.customer}."
            if preview
            else ""
        )
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=draft,
            title=f"Issue the draft for {draft.customer}",
            consequences=[
                *filter(None, [summary]),
                "It gets the next number, with the addresses and taxes of now, and is sent.",
                "From then on it never changes: corrections are credit notes.",
            ],
            problems=problems,
            verb="Issue invoice",
        )

    @action(description="Discard", icon="delete", permissions=["claim"])
    def discard_draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Delete a draft."""
        draft = self._draft(request, object_id)
        if request.method == "POST":
            try:
                discard_draft(invoice_id=draft.pk, at=current_time(draft.customer), by=request.user)
            except OneOffInvoiceRefused as refused:
                messages.error(request, str(refused))
                return HttpResponseRedirect(_page(draft))
            messages.success(request, "The draft is gone.")
            return HttpResponseRedirect(reverse("admin:invoices_invoice_changelist"))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=draft,
            title=f"Discard the draft for {draft.customer}",
            consequences=["It never had a number, so nothing else has to happen.", "It cannot be brought back."],
            verb="Discard draft",
            danger=True,
        )

    def has_claim_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("invoices.claim_invoice"))

    def has_credit_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("invoices.issue_creditnote"))

    @action(description="Make PDF again", icon="refresh", permissions=["render"])
    def render_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Retry a failed file once more, regardless of its scheduled retries."""
        invoice = self._invoice(request, object_id)
        if request.method == "POST":
            try:
                renderer.render_one(invoice_id=invoice.pk, at=timezone.now(), insist=True)
            except renderer.NotRendered as reason:
                messages.error(request, f"It failed again: {reason}")
            else:
                messages.success(request, "The PDF is made.")
            return HttpResponseRedirect(_page(invoice))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=invoice,
            title=f"Make the PDF of {invoice} again",
            consequences=["It is tried at once, whether or not its next attempt is due.", "Nothing is sent."],
            verb="Make PDF",
        )

    def has_render_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("invoices.change_rendering"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        invoice = self.get_object(request, str(object_id))
        failed = Rendering.objects.filter(invoice=invoice, content__isnull=True).exists()
        is_creditable = invoice is not None and _is_creditable(invoice)
        is_draft = invoice is not None and invoice.number is None
        is_offered = {"render_again": failed, "credit": is_creditable, "void": is_creditable and not invoice.paid}
        is_offered |= dict.fromkeys(("edit_draft", "issue_draft", "discard_draft"), is_draft) | {
            "open_pdf": not is_draft
        }
        all_actions = super().get_actions_detail(request, object_id)
        return [
            action_detail
            for action_detail in all_actions
            if is_offered.get(action_detail.method.original_function_name, True)
        ]

    def _invoice(self, request: HttpRequest, object_id: str) -> Invoice:
        invoice = self.get_object(request, object_id)
        if invoice is None:
            raise Http404(f"There is no invoice {object_id}.")
        if not self.has_view_permission(request, invoice):
            raise PermissionDenied
        return invoice

    def _draft(self, request: HttpRequest, object_id: str) -> Invoice:
        invoice = self._invoice(request, object_id)
        if invoice.number is not None:
            raise Http404(f"{invoice} is issued, and no draft any more.")
        return invoice

    # Issued is issued ----------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        return False


def _is_creditable(invoice: Invoice) -> bool:
    return invoice.kind == DocumentKind.INVOICE and invoice.number is not None and invoice.left > 0


def _page(invoice: Invoice) -> str:
    return reverse("admin:invoices_invoice_change", args=[invoice.pk])
