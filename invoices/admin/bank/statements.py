"""Bank statements: their list, the import of a file with its preview, and the review of the lines in doubt."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from access.approvals import Requester
from customers.models import Seller
from invoices.admin.bank.line_actions import REVIEW_PAGE, BookLineAction
from invoices.admin.bank.suggestion_display import review_lines
from invoices.models import BankLine, BankStatement
from invoices.models.bank_statements import BankLineState
from invoices.payments.bank_files import BankFileRefused
from invoices.payments.bank_files.csv_file import CsvColumns
from invoices.payments.bank_statements.file_import import (
    ImportedFile,
    columns_from,
    import_bank_file,
    preview_bank_file,
)
from invoices.payments.bank_statements.match_run import match_lines
from lib.admin import (
    FormPage,
    ReadOnlyAdmin,
    Response,
    is_allowed,
    limit_to_sellers,
    list_url,
    narrowed_to_sellers,
    page_action,
    staff_page,
)
from lib.admin.columns import column, number_column
from lib.admin.pick_lists import PickList
from lib.countries import currency_choices
from lib.formats import format_money, format_number
from lib.queue import Deadline
from plans.admin.fields.file_upload import UploadForm

IMPORT = "invoices.import_bankstatement"
PAGE_SIZE = 20
MATCH_SECONDS = 5
"""How long an upload waits for its lines to be matched; a worker matches the others."""
MAX_PREVIEWED = 10
"""Lines of each statement that the preview shows."""
CSV_FIELDS = (
    *("date", "amount", "currency", "default_currency", "payer", "payer_account", "text", "bank_reference"),
    *("date_order", "decimal_mark"),
)


class BankFileForm(UploadForm):
    """A bank's file, and the facts that a CSV file lacks."""

    field_order = ("seller", "file")

    seller = forms.ModelChoiceField(Seller.objects.none(), label=_("Seller"), empty_label=None)
    account = forms.CharField(
        label=_("Bank account"),
        required=False,
        max_length=40,
        help_text=_("Its IBAN or number. The columns of its last file are remembered: leave them empty then."),
    )
    date = forms.CharField(label=_("Column of the date"), required=False, max_length=100)
    amount = forms.CharField(label=_("Column of the amount"), required=False, max_length=100)
    currency = forms.CharField(label=_("Column of the currency"), required=False, max_length=100)
    default_currency = forms.CharField(
        label=_("Currency without such a column"),
        required=False,
        max_length=3,
        min_length=3,
        widget=PickList(currency_choices),
    )
    payer = forms.CharField(label=_("Column of the payer"), required=False, max_length=100)
    payer_account = forms.CharField(label=_("Column of the payer's account"), required=False, max_length=100)
    text = forms.CharField(label=_("Column of the purpose"), required=False, max_length=100)
    bank_reference = forms.CharField(label=_("Column of the bank's reference"), required=False, max_length=100)
    date_order = forms.ChoiceField(
        label=_("Dates"),
        required=False,
        choices=[("day_first", "27.11.2026"), ("year_first", "2026-11-27"), ("month_first", "11/27/2026")],
    )
    decimal_mark = forms.ChoiceField(
        label=_("Amounts"), required=False, choices=[("comma", "1.234,50"), ("point", "1,234.50")]
    )

    def __init__(self, *args: Any, sellers: QuerySet[Seller], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seller"].queryset = sellers

    @property
    def columns(self) -> CsvColumns | None:
        """The columns of a CSV file; None to use those that are remembered."""
        values = {name: self.cleaned_data[name] for name in CSV_FIELDS}
        return columns_from(values) if values["date"] and values["amount"] else None

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "seller": self.cleaned_data["seller"],
            "content": self.content,
            "account": self.cleaned_data["account"],
            "columns": self.columns,
        }


class ImportBankFile(FormPage):
    """Accept a file, show its lines, and store them once the user confirms."""

    label = title = _("Import bank file")
    icon = "upload_file"
    permission = IMPORT
    form_class = BankFileForm
    refusals = (BankFileRefused,)
    template = "staff/invoices/import_bank_file.html"
    previews: list[dict[str, Any]] = []

    def form_arguments(self) -> dict[str, Any]:
        return {"sellers": limit_to_sellers(self.request, Seller.objects.order_by("legal_name", "pk"), "pk")}

    def run(self, subject: None) -> Response:
        if not self.form.is_confirmed:
            previews = preview_bank_file(**self.form.arguments)
            self.previews = [_preview(preview) for preview in previews]
            return None
        imported = import_bank_file(
            **self.form.arguments, file_name=self.form.name, by=Requester(user=self.user), at=timezone.now()
        )
        counts = match_lines(at=timezone.now(), deadline=Deadline(MATCH_SECONDS)) if imported.new else None
        to_review = counts.review if counts is not None else 0
        return self.done(describe_import(imported), to=reverse(REVIEW_PAGE) if to_review else list_url(BankStatement))

    def context(self) -> dict[str, Any]:
        csv_names = ("account", *CSV_FIELDS)
        hidden = [(name, self.form.data.get(name, "")) for name in ("seller", *csv_names)]
        return {
            "previews": self.previews,
            "hidden": [*hidden, *self.form.hidden()] if self.previews else [],
            "new": sum(preview["new"] for preview in self.previews),
            "file_fields": [self.form[name] for name in ("seller", "file")],
            "csv_fields": [self.form[name] for name in csv_names],
            "is_csv_open": any(self.form.data.get(name) for name in csv_names[:3]) or bool(self.form.errors),
        }


def describe_import(imported: ImportedFile) -> str:
    """Return what an import did, in sentences."""
    sentences = []
    if imported.repeated:
        text = ngettext(
            "%(count)s line was already imported.", "%(count)s lines were already imported.", imported.repeated
        )
        sentences.append(text % {"count": format_number(imported.repeated)})
    lines = BankLine.objects.filter(statement__in=imported.statements).order_by()
    counts = dict(lines.values_list("state").annotate(count=Count("pk")))
    texts = {
        BankLineState.BOOKED: _("Booked: %(count)s."),
        BankLineState.REVIEW: _("For review: %(count)s."),
        BankLineState.NEW: _("Being matched: %(count)s."),
        BankLineState.OUTGOING: _("Outgoing: %(count)s."),
    }
    sentences += [
        str(text) % {"count": format_number(counts[state])} for state, text in texts.items() if counts.get(state)
    ]
    return " ".join(sentences)


def _preview(preview: Any) -> dict[str, Any]:
    statement = preview.statement
    lines = statement.lines
    return {
        "account": statement.account,
        "new": preview.new,
        "repeated": preview.repeated,
        "balances": None
        if statement.opening is None or statement.closing is None
        else [format_money(amount, statement.currency) for amount in (statement.opening, statement.closing)],
        "lines": [(line, format_money(line.amount, line.currency)) for line in lines[:MAX_PREVIEWED]],
        "more": max(len(lines) - MAX_PREVIEWED, 0),
    }


def _counted(state: BankLineState) -> Count:
    return Count("lines", filter=Q(lines__state=state))


@admin.register(BankStatement)
class BankStatementAdmin(ReadOnlyAdmin):
    seller_paths = ("account__seller",)
    empty_text = _("Import a file of your bank, and its payments are matched to invoices.")
    empty_title = _("No bank statements yet")
    list_display = ("name", "seller", "booked", "review", "ignored", "outgoing", "imported_at", "importer")
    list_filter = ("account__seller", "account", "imported_at")
    list_select_related = ("account__seller", "by", "api_key")
    search_fields = ("account__number", "reference", "file_name")
    search_help_text = _("Account, number of the statement, or file name")
    actions_list = ("import_file", "review_page")
    has_form = False
    change_form_outer_before_template = "staff/invoices/bank_statement.html"

    import_file = narrowed_to_sellers(ImportBankFile.as_action())

    name = column(_("Bank statement"), lambda row: " ".join(filter(None, (row.account.number, row.reference))))
    seller = column(_("Seller"), lambda row: str(row.account.seller))
    booked = number_column("booked_lines", _("Booked"))
    review = number_column("review_lines", _("For review"))
    ignored = number_column("ignored_lines", _("Ignored"))
    outgoing = number_column("outgoing_lines", _("Outgoing"))
    importer = column(_("Imported by"), lambda row: str(row.by or row.api_key))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counts = {
            "booked_lines": _counted(BankLineState.BOOKED),
            "review_lines": _counted(BankLineState.REVIEW),
            "ignored_lines": _counted(BankLineState.IGNORED),
            "outgoing_lines": _counted(BankLineState.OUTGOING),
        }
        statements: QuerySet[Any] = super().get_queryset(request).annotate(**counts)
        return statements

    def page_context(self, request: HttpRequest, statement: BankStatement) -> dict[str, Any]:
        currency = str(statement.currency or "")
        pages = {state.value: f"{list_url(BankLine)}?statement__id__exact={statement.pk}" for state in BankLineState}
        counts = dict(statement.lines.order_by().values_list("state").annotate(count=Count("pk")))
        return {
            "statement": statement,
            "opening": None if statement.opening is None else format_money(statement.opening, currency),
            "closing": None if statement.closing is None else format_money(statement.closing, currency),
            "counts": [
                (state.label, format_number(counts[state]), f"{pages[state]}&state__exact={state}")
                for state in BankLineState
                if state in counts
            ],
        }

    @narrowed_to_sellers
    @page_action(_("Review lines"), permission="invoices.view_bankline", icon="rule", url_path="review")
    def review_page(self, request: HttpRequest) -> HttpResponseBase:
        """Show the lines for review, the oldest first, with their suggestions."""
        lines = BankLine.objects.filter(state=BankLineState.REVIEW).select_related("account__seller")
        lines = limit_to_sellers(request, lines, "account__seller").order_by("pk")
        shown_page = Paginator(lines, PAGE_SIZE).get_page(request.GET.get("page"))
        return staff_page(
            request,
            "staff/invoices/review_bank_lines.html",
            title=gettext("Bank lines to review"),
            page=shown_page,
            reviewed=review_lines(list(shown_page.object_list)),
            may_book=is_allowed(request, BookLineAction.permission),
            may_import=is_allowed(request, IMPORT),
            statements=list_url(BankStatement),
        )
