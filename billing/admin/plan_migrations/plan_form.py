"""The form that plans a migration: the cohort, the version, the date, and the treatment of overrides and wallets."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from billing.models.plan_migrations import MAX_NOTICE_DAYS, MigrationTiming
from billing.plan_migrations.cohort import (
    MAX_TITLE_LENGTH,
    MigrationRefused,
    MigrationTerms,
    Selection,
    plan_migration,
)
from billing.plan_migrations.jobs import PLAN
from billing.plan_migrations.selection_preview import preview_selection
from customers.models import Seller
from lib.admin import FormPage, Response, StaffForm, require
from lib.admin.moment_presets import moment_presets, offer_moments, seller_zones
from lib.admin.pick_lists import CountryList, PickList
from lib.countries import currency_choices
from lib.tabular_files import FileRefused, read_table
from lib.translation import Text
from plans.models import Plan, PlanVersion

# The web process reads the file into memory (`lib.tabular_files` has the same bound).
MAX_BYTES = 5 * 1024 * 1024
COLUMN = "id"
SELECTED_IDS = "migration_ids"
"""The name under which a session keeps the IDs that the form begins with."""

CREDITS_WORD = "credits"

OVERRIDES = [
    ("keep", _("Keep custom pricing where the new version has the feature")),
    ("end", _("End custom pricing with the former version")),
]


def _units() -> list[tuple[str, str]]:
    return [(CREDITS_WORD, CREDITS_WORD), *currency_choices()]


class MigrationForm(StaffForm):
    """The form of a new migration. `selection` and `terms` are the arguments of `plan_migration`."""

    title = forms.CharField(label=_("Title"), max_length=MAX_TITLE_LENGTH)
    plan = forms.ModelChoiceField(Plan.objects.order_by("name"), label=_("On the plan"), required=False)
    versions = forms.CharField(
        label=_("Versions"),
        required=False,
        help_text=_("Numbers separated by commas, such as 1, 2. Leave empty for all."),
    )
    ids = forms.CharField(
        label=_("Subscriptions or customers"),
        required=False,
        max_length=1_000_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("IDs, one per line. With a plan above, only those on the plan."),
    )
    file = forms.FileField(
        label=_("Or a file"),
        required=False,
        help_text=_("CSV or XLSX with a column “id”. Unknown IDs are listed afterwards."),
    )
    currency = forms.CharField(
        label=_("Currency"),
        required=False,
        max_length=3,
        widget=PickList(currency_choices, empty=_("All currencies")),
    )
    seller = forms.ModelChoiceField(
        Seller.objects.order_by("code"), to_field_name="code", label=_("Seller"), required=False
    )
    country = forms.CharField(
        label=_("Country"), required=False, max_length=2, widget=CountryList(empty=_("All countries"))
    )
    began_from = forms.DateField(label=_("Subscribed from"), required=False)
    began_until = forms.DateField(label=_("Subscribed before"), required=False)
    spent_least = forms.DecimalField(
        label=_("Last bill at least"), required=False, min_value=0, max_digits=19, decimal_places=4
    )
    spent_most = forms.DecimalField(
        label=_("Last bill at most"), required=False, min_value=0, max_digits=19, decimal_places=4
    )
    version = forms.ModelChoiceField(
        PlanVersion.objects.none(), label=_("Move to"), help_text=_("Versions in force.")
    )
    when = forms.ChoiceField(
        label=_("When"),
        choices=MigrationTiming.choices,
        initial=MigrationTiming.PERIOD,
        widget=UnfoldAdminRadioSelectWidget,
    )
    moment = forms.SplitDateTimeField(label=_("Date (UTC)"), required=False)
    overrides = forms.ChoiceField(
        label=_("Custom pricing"), choices=OVERRIDES, initial="keep", widget=UnfoldAdminRadioSelectWidget
    )
    from_unit = forms.CharField(
        label=_("Convert wallets from"),
        required=False,
        max_length=7,
        widget=PickList(_units, empty=_("Keep wallets as they are")),
        help_text=_("Only if subscriptions move now."),
    )
    to_unit = forms.CharField(label=_("Convert to"), required=False, max_length=7, widget=PickList(_units))
    rate = forms.DecimalField(
        label=_("Units per new unit"),
        required=False,
        max_digits=18,
        decimal_places=12,
        help_text=_("With 100 from credits to USD, 250 credits become $2.50."),
    )
    notice_days = forms.IntegerField(
        label=_("Notice period (days)"),
        required=False,
        min_value=0,
        max_value=MAX_NOTICE_DAYS,
        help_text=_("Leave empty to send no notice. 60 to 90 days are usual when the payment model changes."),
    )
    sandbox = forms.BooleanField(label=_("Sandbox customers"), required=False)

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        in_force = PlanVersion.objects.in_force(at).select_related("plan")
        self.fields["version"].queryset = in_force.order_by("plan__name")
        offer_moments(self, moment_presets(at, zone=seller_zones()[0], with_now=False))

    def clean_versions(self) -> tuple[int, ...]:
        typed = self.cleaned_data["versions"].replace(",", " ").split()
        if not all(word.isdecimal() and len(word) < 6 for word in typed):
            raise forms.ValidationError(gettext("Enter version numbers separated by commas."))
        return tuple(int(word) for word in typed)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        ids = (cleaned.get("ids") or "").replace(",", " ").split()
        if file := cleaned.get("file"):
            try:
                rows = read_table(file.read(MAX_BYTES + 1), name=file.name, columns=(COLUMN,), needed=(COLUMN,))
                ids += [row.cells[COLUMN] for row in rows]
            except FileRefused as refusal:
                self.add_error("file", str(refusal))
        cleaned["ids"] = tuple(dict.fromkeys(filter(None, ids)))
        return cleaned

    @property
    def selection(self) -> Selection:
        cleaned = self.cleaned_data
        return Selection(
            plan=cleaned["plan"].code if cleaned["plan"] else "",
            versions=cleaned["versions"],
            ids=cleaned["ids"],
            currency=cleaned["currency"].upper(),
            seller=cleaned["seller"].code if cleaned["seller"] else "",
            country=cleaned["country"].upper(),
            began_from=_midnight(cleaned["began_from"]),
            began_until=_midnight(cleaned["began_until"]),
            spent_least=cleaned["spent_least"],
            spent_most=cleaned["spent_most"],
        )

    @property
    def terms(self) -> MigrationTerms:
        cleaned = self.cleaned_data
        return MigrationTerms(
            when=cleaned["when"],
            moment=cleaned["moment"] if cleaned["when"] == MigrationTiming.DATE else None,
            ends_overrides=cleaned["overrides"] == "end",
            from_unit=_unit(cleaned["from_unit"]),
            to_unit=_unit(cleaned["to_unit"]),
            rate=cleaned["rate"],
            notice_days=cleaned["notice_days"],
        )


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=timezone.get_default_timezone())


def _unit(text: str) -> str:
    return text.lower() if text.lower() == CREDITS_WORD else text.upper()


SECTIONS: list[tuple[Text, list[str]]] = [
    ("", ["title"]),
    (_("Select subscriptions"), ["plan", "versions", "ids", "file", "sandbox"]),
    (
        _("Filters"),
        ["currency", "seller", "country", "began_from", "began_until", "spent_least", "spent_most"],
    ),
    (_("New version and date"), ["version", "when", "moment", "notice_days"]),
    (_("Custom terms and wallets"), ["overrides", "from_unit", "to_unit", "rate"]),
]
"""Headings of the form, each with its fields."""


SELECTING = (*SECTIONS[1][1], *SECTIONS[2][1])
"""The fields that select subscriptions."""


class PlanMigrationPage(FormPage):
    """Show the form and plan the migration; no subscription moves yet."""

    label = title = _("Plan a migration")
    icon = "moving"
    permission = PLAN
    form_class = MigrationForm
    refusals = (MigrationRefused,)
    template = "staff/plan_migrations/plan_form.html"

    def form_arguments(self) -> dict[str, Any]:
        self.at = timezone.now()
        # A selection of customers in their list leads here, once.
        selected_ids = self.request.session.pop(SELECTED_IDS, [])
        return {"at": self.at, "initial": {"ids": "\n".join(selected_ids)}}

    def run(self, subject: None) -> Response:
        terms = {"selection": self.form.selection, "terms": self.form.terms}
        chosen = {name: self.choices[name] for name in ("title", "version", "sandbox")}
        return self.go(plan_migration(**chosen, **terms, at=self.at, by=self.user))

    def context(self) -> dict[str, Any]:
        sections = [(heading, [self.form[name] for name in names]) for heading, names in SECTIONS]
        return {"sections": sections, "media": self.form.media}


def preview_page(page: Any, request: HttpRequest) -> HttpResponse:
    """
    Show whom the selection of the form matches so far; other fields may still be missing.

    :raises PermissionDenied: if the user may not plan migrations.
    """
    require(request, PLAN)
    form = MigrationForm(request.POST, at=timezone.now())
    form.is_valid()
    errors = [error for name in SELECTING for error in form.errors.get(name, ())]
    is_begun = not errors and bool(form.cleaned_data["plan"] or form.cleaned_data["ids"])
    version, sandbox = form.cleaned_data.get("version"), form.cleaned_data["sandbox"]
    preview = preview_selection(form.selection, version=version, sandbox=sandbox) if is_begun else None
    context = {"preview": preview, "errors": errors, "has_file": bool(request.POST.get("file"))}
    return TemplateResponse(request, "staff/plan_migrations/selection_preview.html", context)
