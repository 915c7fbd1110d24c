"""The rows selected in a list as a file, in the list's columns."""

from typing import Any

from django import forms
from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from config.admin_site.list_export import file_stem, table_rows
from lib.admin import Preview, SelectionAction, StaffForm
from lib.csv_export import csv_download
from lib.formats import format_number
from lib.tabular_files import FileRefused, as_xlsx

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_ROWS = 10_000
"""Maximum rows of a selection, which a list pages through; a workbook of as many is built in memory."""


class FileForm(StaffForm):
    format = forms.ChoiceField(
        label=_("Format"),
        choices=[("csv", "CSV"), ("xlsx", "XLSX")],
        initial="csv",
        widget=UnfoldAdminRadioSelectWidget,
    )


class ExportSelection(SelectionAction[Model]):
    label, verb = _("Export"), _("Download")
    permission = ""
    limit = MAX_ROWS
    form_class = FileForm
    refusals = (FileRefused,)

    @property
    def posted(self) -> Any:
        return self.request.POST if self.agreed_field in self.request.POST else None

    def is_confirmed(self) -> bool:
        return super().is_confirmed() and self.form.is_valid()

    def find(self, *, queryset: QuerySet[Model]) -> list[Model]:
        self.rows = queryset[: self.limit]
        return list(self.rows)

    def preview(self, rows: list[Model]) -> Preview:
        text = ngettext("Export %(count)s row", "Export %(count)s rows", len(rows))
        return Preview(
            title=text % {"count": format_number(len(rows))},
            consequences=[gettext("The file has the columns of the list, with plain numbers and dates.")],
        )

    def run(self, rows: list[Model]) -> HttpResponseBase:
        names = self.page.get_list_display(self.request)
        table, stem = table_rows(self.request, self.page, self.rows, names), file_stem(self.page)
        if self.choices["format"] == "csv":
            return csv_download(table, file_name=f"{stem}.csv")
        headings, *cells = table
        return HttpResponse(
            as_xlsx(headings, cells),
            content_type=XLSX,
            headers={
                "Content-Disposition": f'attachment; filename="{stem}.xlsx"',
                "Cache-Control": "private, no-store",
            },
        )
