"""Exchange rates: the list, and the import of a file of the European Central Bank."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget

from customers.exchange_rates.ecb_file import MAX_BYTES, RatesRefused, read_ecb_file
from customers.exchange_rates.stored_rates import import_rates
from customers.models import ExchangeRate
from customers.models.exchange_rates import MAX_REASON
from lib.admin import OF_NO_SELLER, ConfirmedAction, Preview, ReadOnlyAdmin, Response, StaffForm, list_url
from lib.admin.columns import column
from lib.formats import format_number


class RateFileForm(StaffForm):
    """A file of the ECB, and the reason if it corrects stored rates."""

    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.zip,.xml"}),
        help_text=_("eurofxref.csv, its zip archive, or the XML of the European Central Bank."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=MAX_REASON,
        required=False,
        help_text=_("Needed only if the file corrects stored rates."),
    )

    def clean_file(self) -> bytes:
        uploaded = self.cleaned_data["file"]
        if uploaded.size > MAX_BYTES:
            raise forms.ValidationError(gettext("The file is too large."))
        content: bytes = uploaded.read()
        return content


class ImportRates(ConfirmedAction[None]):
    label, icon, verb = _("Import"), "upload", _("Import rates")
    permission = "customers.add_exchangerate"
    form_class = RateFileForm
    refusals = (RatesRefused,)
    refusal_field = "file"
    title = _("Import exchange rates")
    consequences = (
        _("Stores the rates of the file that are not stored yet. Rates are never changed or deleted."),
        _("Only reports convert amounts. No issued invoice changes."),
    )

    def find(self, *args: Any, **arguments: Any) -> None:
        return None

    def make_form(self, subject: None) -> RateFileForm:
        return RateFileForm(self.posted, self.request.FILES or None)

    def preview(self, subject: None) -> Preview:
        return Preview(title=self.title, consequences=self.consequences, back=list_url(ExchangeRate))

    def run(self, subject: None) -> Response:
        imported = import_rates(
            read_ecb_file(self.choices["file"]), reason=self.choices["reason"], at=timezone.now(), by=self.user
        )
        text = gettext("New rates: %(new)s. Corrected rates: %(corrected)s. Stored already: %(same)s.")
        counts = {name: format_number(count) for name, count in imported._asdict().items()}
        return self.done(text % counts, to=list_url(ExchangeRate))


@admin.register(ExchangeRate)
class ExchangeRateAdmin(ReadOnlyAdmin):
    seller_paths = OF_NO_SELLER
    empty_text = _("Import the reference rates of the European Central Bank to see reports in one currency.")
    list_display = ("day", "currency", "rate_shown", "source", "reason", "recorded_at")
    list_filter = ("source", "day")
    search_fields = ("currency",)
    ordering = ("-day", "currency", "-pk")
    actions_list = ("import_rates",)
    import_rates = ImportRates.as_action()

    rate_shown = column(_("Units per euro"), lambda rate: format_number(rate.rate.normalize()), ordering="rate")
