"""Invoices and credit notes: found by number or customer, read line by line, never edited."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.admin.search import CustomerSearch
from customers.customer_time import loaded_current_time
from invoices.admin.credit_notes import credit_page
from invoices.admin.einvoice_files import einvoice_paths
from invoices.admin.explanation_panel import STAFF_LOCALE, SendExplanation, explanation_panel
from invoices.admin.invoice_actions import (
    AddStaffNote,
    DiscardDraft,
    EditInvoiceLabels,
    IssueDraft,
    RenderAgain,
    SendInvoiceAgain,
    VoidAction,
    WriteOffAction,
    is_creditable,
    is_draft,
)
from invoices.admin.invoice_headline import days_past_due, make_headline
from invoices.admin.invoice_timeline import read_invoice_timeline
from invoices.admin.list_tabs import invoice_tabs
from invoices.admin.one_off_invoices import draft_page
from invoices.admin.receipt_files import receipt_path
from invoices.credit_notes.acts import DESTINATIONS
from invoices.models import DocumentKind, Invoice, Rendering
from invoices.models.invoices import BILLS_USAGE, OPEN_INVOICES, CreditTo, InvoiceState
from invoices.models.labels import labels_of
from invoices.rendering import renderer
from invoices.rendering.downloads import file_name
from invoices.rendering.facts_reader import read_invoice_facts
from invoices.rendering.formats import Figures
from invoices.rendering.page_content import PageContent, compose
from lib.admin import ConditionFilter, ReadOnlyAdmin, is_allowed, page_url, row_action
from lib.admin.columns import display, money_column, state_column, text_column
from lib.admin.labels import TagFilter, shown_labels, tags_column
from lib.locales import document_locale
from lib.translation import Text

STATE_COLORS = {
    "draft": "info",
    "issued": "info",
    "paid": "success",
    "overdue": "danger",
    "uncollectible": "warning",
}


class PdfFilter(ConditionFilter):
    """The state of the invoices' PDF files."""

    title = _("PDF")
    parameter_name = "file"

    def conditions(self) -> dict[str, tuple[Text, Q | Exists]]:
        renderings = Rendering.objects.filter(invoice=OuterRef("pk"))
        has_file, is_issued = Exists(renderings.filter(content__isnull=False)), ~Q(state=InvoiceState.DRAFT)
        return {
            "done": (_("ready"), has_file),
            "missing": (_("missing"), ~has_file & is_issued),
            "waiting": (_("not created yet"), ~Exists(renderings) & is_issued),
            "failed": (_("failed"), Exists(renderings.filter(content__isnull=True))),
        }


def _is_receivable(invoice: Invoice) -> bool:
    return invoice.kind == DocumentKind.INVOICE and invoice.state in OPEN_INVOICES


class InvoiceTagFilter(TagFilter):
    path = "labels__"


class InvoiceAdmin(CustomerSearch, ReadOnlyAdmin):
    """An issued invoice is never edited."""

    seller_paths = ("seller",)
    has_form = False
    empty_text = _(
        "Invoices are issued when periods end. For a one-off invoice, choose Create invoice on a customer's page."
    )
    list_display = (
        *("name", "customer_shown", "state_shown", "issue_date", "due_date", "days_past_due"),
        *("total_shown", "due_shown"),
    )
    extra_columns = ("tags_shown", "kind", "seller", "purchase_order")
    list_filter = ("kind", "state", "issue_date", "seller", PdfFilter, InvoiceTagFilter)
    list_select_related = ("customer", "customer__test_clock", "seller", "labels")
    list_before_template = "staff/invoices/list_tabs.html"
    search_fields = ("number",)
    search_help_text = _("Start of the number, part of the customer's name, or key:value of metadata")
    exact_field = start_field = "number"
    labels_path = "labels__"
    fold = staticmethod(str.upper)  # as numbers are stored
    change_form_before_template = "staff/invoices/invoice.html"

    customer_shown = text_column("customer", _("Customer"))
    state_shown = state_column(STATE_COLORS)
    tags_shown = tags_column(lambda invoice: labels_of(invoice).tags)

    void = VoidAction.as_action()
    write_off = WriteOffAction.as_action()
    issue_draft = IssueDraft.as_action()
    discard_draft = DiscardDraft.as_action()
    render_again = RenderAgain.as_action()
    send_explanation = SendExplanation.as_action()
    edit_labels = EditInvoiceLabels.as_action()
    send_again = SendInvoiceAgain.as_action()
    add_note = AddStaffNote.as_action()

    @display(description=_("Number"), ordering="number")
    def name(self, invoice: Invoice) -> str:
        return gettext("%(invoice)s (sandbox)") % {"invoice": invoice} if invoice.sandbox else str(invoice)

    total_shown = money_column(
        lambda invoice: -invoice.total.amount if invoice.kind == DocumentKind.CREDIT_NOTE else invoice.total.amount,
        _("Total"),
        ordering="total",
    )

    due_shown = money_column(
        lambda invoice: invoice.due if _is_receivable(invoice) else None,
        _("Amount due"),
    )

    @display(description=_("Days past due"), ordering="due_date")
    def days_past_due(self, invoice: Invoice) -> str:
        return str(days_past_due(invoice, now=timezone.now()) or "")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        tabs = {"invoice_tabs": invoice_tabs(request, self.get_queryset(request))}
        return super().changelist_view(request, tabs | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        return [*einvoice_paths(self), receipt_path(self), *super().get_urls()]

    # The page ------------------------------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
        """Return the invoice's own text, in the staff's language."""
        rendering = Rendering.objects.defer("content").filter(invoice=invoice).first()
        document = compose(replace(read_invoice_facts(invoice), locale=STAFF_LOCALE))
        now = timezone.now()
        timeline = read_invoice_timeline(
            invoice,
            at=loaded_current_time(invoice.customer, now=now),
            shows_write_off=is_allowed(request, "invoices.view_writeoff"),
        )
        return {
            "title": _title(invoice),
            "invoice": invoice,
            "destination": DESTINATIONS.get(CreditTo(invoice.credit_to)) if invoice.credit_to else "",
            "corrections": list(invoice.corrections.order_by("pk")),
            "headline": make_headline(invoice, timeline, now=now),
            "timeline": timeline,
            "document": document,
            "details": _details(invoice, document),
            "may_note": AddStaffNote.is_offered(invoice) and is_allowed(request, AddStaffNote.permission),
            "labels": _shown_labels(request, invoice),
            "panel": explanation_panel(invoice),
            "can_send": SendExplanation.is_offered(invoice) and request.user.has_perm(SendExplanation.permission),
            "rendering": rendering,
            "usage_lines": invoice.lines.filter(kind__in=BILLS_USAGE).order_by("position"),
        }

    @row_action(
        _("Open PDF"), icon="picture_as_pdf", attrs={"target": "_blank"}, is_offered=lambda row: not is_draft(row)
    )
    def open_pdf(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        """Show the file, rendering it now if no worker has yet."""
        try:
            rendering = renderer.render_one(invoice_id=invoice.pk, at=timezone.now())
        except renderer.NotRendered as reason:
            messages.warning(request, gettext("There is no PDF: %(reason)s") % {"reason": reason})
            return HttpResponseRedirect(page_url(invoice))
        return HttpResponse(
            bytes(rendering.content or b""),
            content_type="application/pdf",
            headers={"Content-Disposition": f'inline; filename="{file_name(invoice)}"'},
        )

    @row_action(_("Issue credit note"), icon="undo", permission="invoices.issue_creditnote", is_offered=is_creditable)
    def credit(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        """Credit an issued invoice, partly or fully."""
        if not is_creditable(invoice):
            messages.warning(request, gettext("%(invoice)s is fully credited.") % {"invoice": invoice})
            return HttpResponseRedirect(page_url(invoice))
        return credit_page(request, invoice)

    @row_action(_("Edit"), icon="edit", permission="invoices.claim_invoice", is_offered=is_draft)
    def edit_draft(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        """Edit a draft."""
        return draft_page(request, self.find_draft(request, str(invoice.pk)))

    def find_draft(self, request: HttpRequest, object_id: str) -> Invoice:
        """:raises Http404: if there is no such invoice, or it is issued."""
        invoice: Invoice = self.find(request, object_id)
        if not is_draft(invoice):
            raise Http404(gettext("%(invoice)s is issued, so it is no longer a draft.") % {"invoice": invoice})
        return invoice


def _shown_labels(request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
    labels, may_edit = labels_of(invoice), is_allowed(request, EditInvoiceLabels.permission)
    edit_url = reverse("admin:invoices_invoice_edit_labels", args=[invoice.pk]) if may_edit else ""
    return shown_labels(Invoice, labels.metadata, labels.tags, edit_url=edit_url)


def _details(invoice: Invoice, document: PageContent) -> list[tuple[str, str]]:
    """Return what the document says about itself, without the number and the dates, which the page begins with."""
    figures = Figures(document_locale(STAFF_LOCALE), str(invoice.currency), ZoneInfo("UTC"))
    dates = [figures.day(day) for day in (invoice.issue_date, invoice.due_date) if day is not None]
    return [(name, value) for name, value in document.meta if value not in (invoice.number, *dates)]


def _title(invoice: Invoice) -> str:
    if is_draft(invoice):
        return gettext("Draft for %(customer)s") % {"customer": invoice.customer}
    if invoice.kind == DocumentKind.CREDIT_NOTE:
        return gettext("Credit note %(number)s") % {"number": invoice}
    return gettext("Invoice %(number)s") % {"number": invoice}
