"""The page on which all prices of a draft are edited at once."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from lib.admin import page_url, row_action, staff_page, staff_user
from lib.audit_log import audited_transaction
from lib.currencies import CREDITS
from lib.formats import format_number
from plans.admin.catalog.price_margins import LEAST
from plans.admin.fields.currency import usual_currency
from plans.admin.prices.sheet_form import (
    MAX_EXCHANGE_RATE,
    MAX_PERCENT,
    SheetForm,
    as_read,
    cell_labels,
    parse_figure,
    parse_read,
)
from plans.admin.prices.sheet_table import SheetTable
from plans.admin.versions.comparison import VersionComparison, example
from plans.catalog.price_sheet import PriceSheet, read_sheet
from plans.costs.price_margins import compute_margins
from plans.models import PlanVersion
from plans.publishing.plan_check import check_plan
from plans.publishing.readiness import problems_of

SHOWN_MARGINS = 6


class PercentForm(forms.Form):
    """percent: of the change. percent_currency: the currency to change; empty for all."""

    percent = forms.DecimalField(min_value=-100, max_value=MAX_PERCENT)
    percent_currency = forms.CharField(required=False, max_length=3)


class CopyForm(forms.Form):
    """exchange_rate: units of the target currency for one unit of the source."""

    source = forms.CharField(max_length=3)
    target = forms.CharField(max_length=3)
    exchange_rate = forms.DecimalField(
        max_value=MAX_EXCHANGE_RATE, max_digits=18, decimal_places=10, min_value=Decimal("1e-10")
    )


class VersionPriceSheet(VersionComparison):
    """The price sheet of a draft: one form, one transaction, and a page that settles simultaneous edits."""

    @row_action(
        _("Edit price sheet"),
        permission="plans.change_planversion",
        icon="table_edit",
        url_path="price-sheet",
        is_offered=lambda version: version.is_editable,
    )
    def price_sheet(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        if not version.is_editable:
            if request.method == "POST":
                raise PermissionDenied(f"{version} is published. Create a new version to change prices.")
            return HttpResponseRedirect(page_url(version))
        if request.method != "POST":
            return _sheet_page(request, version, SheetForm(read_compared_sheet(version)))
        with audited_transaction("edit price sheet", by=staff_user(request), at=timezone.now()):
            # Row lock: two people who save at once are compared one after the other, and a publication waits.
            locked = PlanVersion.objects.select_for_update(of=["self"]).select_related("plan").get(pk=version.pk)
            if not locked.is_editable:
                raise PermissionDenied(f"{locked} is published. Create a new version to change prices.")
            return _answer(request, locked)


def _answer(request: HttpRequest, version: PlanVersion) -> HttpResponse:
    sheet = read_compared_sheet(version)
    form = SheetForm(sheet, request.POST)
    action = request.POST.get("do", "save")
    if action == "preview":
        return _preview(request, version, form)
    if request.POST.get("fingerprint") != sheet.fingerprint:
        return _conflict_page(request, form)
    problem = ""
    if action == "percent":
        problem = _change_by_percent(request, form)
    elif action == "copy":
        problem = _copy_currency(request, form)
    elif form.store_changes():
        count = len(form.changed_cells())
        text = ngettext("%(count)s figure is saved.", "%(count)s figures are saved.", count)
        messages.success(request, text % {"count": format_number(count)})
        return HttpResponseRedirect(page_url(version))
    return _sheet_page(request, version, form, problem=problem)


def _sheet_page(request: HttpRequest, version: PlanVersion, form: SheetForm, *, problem: str = "") -> HttpResponse:
    sheet = form.sheet
    return staff_page(
        request,
        "staff/catalog/price_sheet.html",
        title=gettext("Price sheet of %(version)s") % {"version": version},
        version=version,
        table=SheetTable(sheet, form),
        form=form,
        money=[code for code in sheet.currencies if code != CREDITS],
        read=as_read(sheet),
        problem=problem,
        error_count=len(form.errors),
        back=page_url(version),
        typed=request.POST,
        picked=request.POST.getlist("pick"),
        reason=request.POST.get("_reason", ""),
    )


def read_compared_sheet(version: PlanVersion) -> PriceSheet:
    """Return the sheet of a version with the former figures of the version that it is compared with."""
    against = PlanVersion.objects.compared_with(version, at=timezone.now())
    return read_sheet(version, against=against, first_currency=usual_currency())


# Changes of many cells --------------------------------------------------------------------------------------------


def _picked(request: HttpRequest) -> list[str]:
    return " ".join([*request.POST.getlist("pick"), request.POST.get("selection", "")]).split()


def _change_by_percent(request: HttpRequest, form: SheetForm) -> str:
    """Change the picked cells, and return the problem if that isn't possible."""
    answers = PercentForm(request.POST)
    if not answers.is_valid():
        return gettext("Enter a percentage from −100 to %(most)s, such as 10 or −2.5.") % {
            "most": format_number(MAX_PERCENT)
        }
    currency = answers.cleaned_data["percent_currency"]
    cells = form.sheet.cells
    names = [name for name in _picked(request) if name in cells and currency in ("", cells[name].currency)]
    if not names:
        return gettext("Select the prices to change.")
    return _note_changed(request, form.change_by_percent(names, answers.cleaned_data["percent"]))


def _copy_currency(request: HttpRequest, form: SheetForm) -> str:
    answers = CopyForm(request.POST)
    if not answers.is_valid():
        return gettext("Choose two currencies, and enter an exchange rate above zero, such as 0.92.")
    source, target = answers.cleaned_data["source"], answers.cleaned_data["target"]
    if source == target:
        return gettext("Choose two different currencies.")
    rate = answers.cleaned_data["exchange_rate"]
    return _note_changed(request, form.copy_currency(source, target, rate, names=_picked(request)))


def _note_changed(request: HttpRequest, count: int) -> str:
    if not count:
        return gettext("Nothing was changed: the selection has no price in that currency.")
    text = ngettext(
        "%(count)s figure is filled in. Save to keep it.",
        "%(count)s figures are filled in. Save to keep them.",
        count,
    )
    messages.info(request, text % {"count": format_number(count)})
    return ""


# Simultaneous edits -----------------------------------------------------------------------------------------------


def _conflict_page(request: HttpRequest, form: SheetForm) -> TemplateResponse:
    """Return the page on which each figure that two people changed is chosen; nothing has been saved."""
    sheet = form.sheet
    stored_texts = SheetForm(sheet).texts
    choices, saved_by_others, gone = [], [], []
    for name, (label, read) in parse_read(request.POST.get("read", "")).items():
        entered = request.POST.get(name, read).strip()
        stored = stored_texts.get(name)
        line = {"name": name, "label": label, "read": read, "stored": stored, "entered": entered}
        is_entered = not _is_same(entered, read)
        if stored is None:
            gone += [line] if is_entered else []
        elif is_entered and not _is_same(entered, stored):
            choices.append(line | {"is_contested": not _is_same(stored, read)})
        elif not _is_same(stored, read):
            saved_by_others.append(line)
    page = staff_page(
        request,
        "staff/catalog/price_sheet_conflict.html",
        title=gettext("The prices of %(version)s have changed") % {"version": sheet.version},
        version=sheet.version,
        choices=choices,
        saved_by_others=saved_by_others,
        gone=gone,
        fingerprint=sheet.fingerprint,
        read=as_read(sheet),
        reason=request.POST.get("_reason", ""),
        back=page_url(sheet.version),
    )
    page.status_code = 409
    return page


def _is_same(text: str, other: str) -> bool:
    figure = parse_figure(text)
    return text == other or (figure is not None and figure == parse_figure(other))


# The effects of the sheet ------------------------------------------------------------------------------------------


def _preview(request: HttpRequest, version: PlanVersion, form: SheetForm) -> TemplateResponse:
    """Return the effects of the figures as typed: they are stored, read by the code that bills, and rolled back."""
    now = timezone.now()
    context: dict[str, Any] = {"version": version}
    if not form.store_changes():
        transaction.set_rollback(True)
        name, texts = next(iter(form.errors.items()))
        context["problem"] = f"{cell_labels(form.sheet)[name]}: {texts[0]}"
        return TemplateResponse(request, "staff/catalog/price_sheet_preview.html", context)
    against = PlanVersion.objects.compared_with(version, at=now)
    sheet = read_sheet(version, against=against)
    typed = request.POST.dict()
    if against is not None and not typed.get("currency"):
        typed["currency"] = _changed_currency(sheet)
    context |= {
        "against": against,
        "example": example(against or version, version, typed),
        "problems": [*problems_of(version), *check_plan(version, at=now)],
        "unchanged": sheet.partly_changed(),
        "margins": _lowest_margins(version),
    }
    transaction.set_rollback(True)
    return TemplateResponse(request, "staff/catalog/price_sheet_preview.html", context)


def _changed_currency(sheet: PriceSheet) -> str:
    """Return a currency in which a figure changed; empty if none did."""
    return next((cell.currency for cell in sheet.cells.values() if cell.currency and cell.former != cell.value), "")


def _lowest_margins(version: PlanVersion) -> list[dict[str, Any]]:
    margins = sorted(
        compute_margins(version, at=timezone.now()),
        key=lambda margin: (margin.percent is not None, margin.percent or 0),
    )
    return [{"margin": margin, "holds": margin.is_at_least(LEAST)} for margin in margins[:SHOWN_MARGINS]]
