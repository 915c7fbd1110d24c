"""Accounting files: the list, the form that makes them, their download, and the mark of an import."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.jobs.worker_wakeup import JobStartPage
from billing.models import ExportBatch, ExportFile, Job
from billing.models.accounting_files import BatchState, Target
from billing.revenue.accounting_files.batches import BatchRefused, add_replacements, mark_imported
from billing.revenue.accounting_files.file_store import read_file
from billing.revenue.accounting_files.job import EXPORT, ExportRefused, start_export
from customers.models import Seller
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response, StaffForm, require
from lib.admin.columns import column, display
from lib.admin.links import link_to
from lib.formats import format_number

SEE = "billing.view_exportbatch"
COLORS = {"provisional": "warning", "final": "info", "imported": "success"}


class ExportForm(StaffForm):
    """The month, and optionally the seller, the target and an exchange rate."""

    month = forms.RegexField(r"^\d{4}-(0[1-9]|1[0-2])$", label=_("Month"), help_text=_("Such as 2026-01."))
    seller = forms.ModelChoiceField(
        Seller.objects.order_by("legal_name"), label=_("Seller"), required=False, empty_label=_("all sellers")
    )
    target = forms.ChoiceField(
        choices=[("", _("all that are set up")), *Target.choices], label=_("Target"), required=False
    )
    is_provisional = forms.BooleanField(
        label=_("Provisional files of an open month"),
        required=False,
        help_text=_("Marked in name and content; the files of the locked month replace them."),
    )
    currency = forms.RegexField(
        r"^[A-Z]{3}$", label=_("Foreign currency"), required=False, help_text=_("For DATEV, such as USD.")
    )
    exchange_rate = forms.DecimalField(
        label=_("Exchange rate"),
        required=False,
        min_value=0,
        max_digits=18,
        decimal_places=6,
        help_text=_("Units of the foreign currency for one of the seller's. Empty: the stored rate."),
    )


class MakeFiles(JobStartPage):
    """Start the job that makes a month's files: final ones of a locked month, or provisional ones of an open one."""

    label = title = _("Make accounting files")
    icon = "export_notes"
    permission = EXPORT.permission
    form_class = ExportForm
    refusals = (ExportRefused,)
    refusal_field = "target"
    template = "staff/accounting/make_files.html"

    def form_arguments(self) -> dict[str, Any]:
        return {
            "initial": {name: self.request.GET.get(name) for name in ("month", "seller", "target", "is_provisional")}
        }

    def start(self) -> Job:
        currency, rate = self.choices["currency"], self.choices["exchange_rate"]
        return start_export(
            month=date.fromisoformat(f"{self.choices['month']}-01"),
            seller=self.choices["seller"],
            target=self.choices["target"],
            is_provisional=self.choices["is_provisional"],
            exchange_rates={currency: rate} if currency and rate else {},
            dry_run="_try" in self.request.POST,
            by=self.user,
            at=timezone.now(),
        )

    def context(self) -> dict[str, Any]:
        return {"unmapped": reverse("admin:billing_accountmapping_unmapped")}


class MarkImported(ConfirmedAction[ExportBatch]):
    """Mark the files as imported into the target."""

    label, icon, verb = _("Mark as imported"), "task_alt", _("Mark as imported")
    permission = "billing.change_exportbatch"
    refusals = (BatchRefused,)
    is_offered = staticmethod(lambda batch: batch.state == BatchState.FINAL)

    def preview(self, batch: ExportBatch) -> Preview:
        problems = {
            BatchState.PROVISIONAL: [gettext("The files are provisional. Lock the month, then make its files.")],
            BatchState.IMPORTED: [gettext("The files are already marked as imported.")],
        }
        return Preview(
            title=gettext("Mark %(batch)s as imported") % {"batch": batch},
            consequences=[
                gettext("The mark is final. Later changes of the month go into a file with the difference."),
            ],
            problems=problems.get(BatchState(batch.state), []),
        )

    def run(self, batch: ExportBatch) -> Response:
        mark_imported(batch_id=batch.pk, by=self.user, at=timezone.now())
        return self.done(gettext("%(batch)s is marked as imported.") % {"batch": batch})


@admin.register(ExportBatch)
class ExportBatchAdmin(ReadOnlyAdmin):
    seller_paths = ("seller",)
    list_display = (
        *("label", "seller", "month_shown", "target", "currency", "state_shown", "entries_shown", "made_at"),
        "files_shown",
    )
    list_filter = ("seller", "target", "state", "month")
    list_select_related = ("seller",)
    search_fields = ("label",)
    actions_list = ("make_files",)
    actions_detail = ("mark_imported",)
    empty_text = _("Files for your accounting program, made from the postings of a month.")
    fields = (
        *("label", "seller", "month_shown", "target", "currency", "is_detailed", "state_shown", "files_shown"),
        *(
            "entries_shown",
            "predecessor",
            "replacement",
            "exchange_rate",
            "sha256",
            "made_by",
            "made_at",
            "imported_by",
            "imported_at",
        ),
    )
    further_pages = (("<int:batch_id>/files/<int:number>/", "download", "billing_exportbatch_file"),)

    make_files = MakeFiles.as_action()
    mark_imported = MarkImported.as_action()

    month_shown = column(_("Month"), lambda batch: f"{batch.month:%Y-%m}", ordering="month")
    entries_shown = column(_("Entries"), lambda batch: format_number(batch.entries))

    @display(description=_("State"), label=COLORS)
    def state_shown(self, batch: ExportBatch) -> tuple[str, str]:
        text = gettext("provisional, replaced") if _replacement(batch) else batch.get_state_display()
        return batch.state, text

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExportBatch]:
        # The rows of a batch may be large, and no page shows them.
        return add_replacements(super().get_queryset(request)).defer("rows").prefetch_related("files")

    @display(description=_("Replaced by"))
    def replacement(self, batch: ExportBatch) -> str:
        """Show the final batch of the locked month that replaces a provisional one."""
        final = _replacement(batch)
        return link_to(ExportBatch.objects.defer("rows").get(pk=final)) if final else ""

    @display(description=_("Files"))
    def files_shown(self, batch: ExportBatch) -> str:
        links = (
            (reverse("admin:billing_exportbatch_file", args=[batch.pk, file.number]), file.name)
            for file in sorted(batch.files.all(), key=lambda file: file.number)
        )
        return format_html_join(" ", '<a class="text-link" href="{}">{}</a>', links)

    def download(self, request: HttpRequest, batch_id: int, number: int) -> StreamingHttpResponse:
        require(request, SEE)
        file = ExportFile.objects.filter(batch=batch_id, number=number).first()
        if file is None:
            raise Http404(f"Accounting file {batch_id} has no file {number}.")
        return file_download(file)


def _replacement(batch: ExportBatch) -> int | None:
    """Return the id of the final batch that replaces this one, which the page's queryset reads."""
    return getattr(batch, "replaced_by", None)


def file_download(file: ExportFile) -> StreamingHttpResponse:
    """Return the stored bytes of a file."""
    return StreamingHttpResponse(
        read_file(file),
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "Content-Length": str(file.size),
            "Cache-Control": "private, no-store",
        },
    )
