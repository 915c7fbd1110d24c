"""The comparison of two versions: their differences, and an example bill."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from lib.admin import StaffAdmin, page_url, row_action, staff_page
from lib.formats import format_money, format_number, pluralize
from plans.admin.fields.currency import FALLBACK
from plans.admin.prices.example_quantities import QuantitiesField
from plans.catalog.comparison import (
    VersionDifference,
    VersionNode,
    compare,
    format_fact,
    format_signed,
    percent_change,
)
from plans.catalog.example_bills import ExampleBill, ExampleUsage, compute_bill, list_labels, list_usages
from plans.catalog.stored_terms import VersionTerms, list_currencies, read_terms
from plans.catalog.version_snapshot import read_contents
from plans.models import PlanVersion


@dataclass(frozen=True, slots=True)
class ComparisonSection:
    """
    The differences of one feature, or of everything else; ladders: tiers shown side by side instead of one by one.
    """

    title: str
    differences: list[tuple[str, VersionDifference]]
    ladders: list["Ladder"]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The tiers of the rate at `path` before and after: (step, before, after, whether it differs)."""

    path: tuple[str, ...]
    steps: list[tuple[str, str, str, bool]]


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """A line of two bills, with the change from the first to the second."""

    label: str
    before: str
    after: str
    change: str


class VersionComparison(StaffAdmin):
    """
    Compares a version with another one: the base of every part of the plan version page
    (config/admin_site/pages.py).
    """

    @row_action(_("Compare versions"), icon="difference")
    def what_changes(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        others = version.plan.versions.exclude(pk=version.pk).order_by("-number")
        number_text = request.GET.get("against", "")
        against = (
            others.filter(number=int(number_text)).first()
            if number_text.isdecimal() and len(number_text) < 10
            else None
        )
        against = against or PlanVersion.objects.compared_with(version, at=timezone.now())
        context: dict[str, Any] = {}
        if against is not None:
            context["sections"] = sections(against, version)
            context["example"] = example(against, version, request.GET)
        return staff_page(
            request,
            "staff/catalog/version_diff.html",
            title=gettext("Changes in %(version)s") % {"version": version},
            version=version,
            others=others,
            against=against,
            back=page_url(version),
            **context,
        )


def count_differences(version: PlanVersion, *, at: datetime) -> SafeString:
    """Return the number of differences from the version before in a sentence, with a link to the comparison."""
    against = PlanVersion.objects.compared_with(version, at=at)
    if against is None:
        return format_html("{}", gettext("This is the first version of %(plan)s.") % {"plan": version.plan})
    count = len(compare(*read_contents(against, version)))
    url = reverse("admin:plans_planversion_what_changes", args=[version.pk])
    summary = ngettext("%(count)s change from %(version)s", "%(count)s changes from %(version)s", count)
    values = {"count": format_number(count), "version": against}
    return format_html('<a class="text-link" href="{}">{}</a>.', url, summary % values)


# Differences ------------------------------------------------------------------------------------------------------


def sections(before: PlanVersion, after: PlanVersion) -> list[ComparisonSection]:
    """Return the differences by feature; those of fees, periods and rules together."""
    old, new = read_contents(before, after)
    features = {part.name for version in (old, new) for part in version.parts if part.kind == "feature"}
    differences_by_title: dict[str, list[VersionDifference]] = {}
    for difference in compare(old, new):
        title = difference.path[0] if difference.path and difference.path[0] in features else ""
        differences_by_title.setdefault(title, []).append(difference)
    return [
        _section(title, title_differences, list(_ladders(old, new, title)))
        for title, title_differences in differences_by_title.items()
    ]


def _section(title: str, differences: list[VersionDifference], ladders: list[Ladder]) -> ComparisonSection:
    shown = {ladder.path for ladder in ladders}
    listed = [difference for difference in differences if difference.path[:-1] not in shown]
    return ComparisonSection(
        title, [(difference.relative_subject(title), difference) for difference in listed], ladders
    )


def _ladders(old: VersionNode, new: VersionNode, title: str) -> Iterable[Ladder]:
    """Yield the tiers of each rate that has some in both versions, if they differ."""
    before, after = (_tiered(part for part in version.parts if part.name == title) for version in (old, new))
    for path, steps in after.items():
        if (old_steps := before.get(path)) is not None and old_steps != steps:
            # A tier's key is its bound; the open tier has none and comes last.
            keys = sorted({*old_steps, *steps}, key=lambda key: (not key, Decimal(key or 0)))
            rows = [
                ({**old_steps, **steps}[key][0], _step_text(old_steps, key), _step_text(steps, key)) for key in keys
            ]
            yield Ladder(path, [(*row, row[1] != row[2]) for row in rows])


Steps = dict[str, tuple[str, str]]
"""Tier's key → its name and its prices as text."""


def _step_text(steps: Steps, key: str) -> str:
    return steps[key][1] if key in steps else "–"


def _tiered(nodes: Iterable[VersionNode], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Steps]:
    steps_by_path: dict[tuple[str, ...], Steps] = {}
    for node in nodes:
        inner = (*path, node.name) if node.name else path
        steps = {part.key: (part.name, _tier_text(part)) for part in node.parts if part.kind == "tier"}
        steps_by_path |= {inner: steps} if steps else _tiered(node.parts, inner)
    return steps_by_path


def _tier_text(tier: VersionNode) -> str:
    figures = {name: fact for name, fact in tier.facts.items() if name == "unit_price" or not fact.is_default}
    if "percent" in figures:
        del figures["unit_price"]
    return ", ".join(
        format_fact(fact) if name in ("unit_price", "percent") else f"{fact.label} {format_fact(fact)}"
        for name, fact in figures.items()
    )


# An example bill --------------------------------------------------------------------------------------------------


def example(before: PlanVersion, after: PlanVersion, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the bills of example usage under both versions; `typed` has the quantities and the currency."""
    currencies_by_side = [list_currencies(version) or [FALLBACK] for version in (before, after)]
    currencies = [
        shared_currency for shared_currency in currencies_by_side[1] if shared_currency in currencies_by_side[0]
    ]
    if not currencies:
        return {"problem": gettext("The versions have no currency in common, so bills can't be compared.")}
    currency = typed.get("currency", "")
    currency = currency if currency in currencies else currencies[0]
    context: dict[str, Any] = {"currency": currency, "currencies": currencies}
    try:
        terms = [read_terms(version, currency) for version in (before, after)]
        quantities = list_usages(*terms)
        context["inputs"] = inputs = _inputs(quantities, typed)
        usage_quantities = {
            usage: usage_input["quantity"] for usage, usage_input in zip(quantities, inputs, strict=True)
        }
        bills = [compute_bill(version_terms, usage_quantities) for version_terms in terms]
    except (ValueError, ValidationError) as error:
        problem = error.messages[0] if isinstance(error, ValidationError) else error
        return context | {"problem": gettext("The bill can't be calculated: %(problem)s") % {"problem": problem}}
    return context | {
        "rows": [
            _row(label, [bill.lines.get(label, Decimal(0)) for bill in bills], currency)
            for label in list_labels(bills)
        ],
        "total": _row(gettext("Total before tax"), [bill.total for bill in bills], currency),
        "drawn": [
            _row(
                gettext("%(feature)s, from the wallet") % {"feature": name},
                [bill.drawdowns.get((name, unit), Decimal(0)) for bill in bills],
                unit,
            )
            for name, unit in dict.fromkeys(key for bill in bills for key in bill.drawdowns)
        ],
        "notes": list(_notes(bills, terms)),
    }


def _inputs(quantities: Mapping[ExampleUsage, Decimal], typed: Mapping[str, str]) -> list[dict[str, Any]]:
    usage_inputs = []
    for position, (usage, default) in enumerate(quantities.items()):
        text = typed.get(f"use-{position}", "").strip()
        (quantity, *_) = QuantitiesField().to_python(text) or [default]
        usage_inputs.append(
            {
                "name": f"use-{position}",
                "label": usage.label,
                "unit": pluralize(usage.unit),
                "value": format_number(quantity),
                "quantity": quantity,
            }
        )
    return usage_inputs


def _row(label: str, amounts: Sequence[Decimal], currency: str) -> ComparisonRow:
    before, after = amounts
    percent = percent_change(before, after)
    change = "" if before == after else f"{format_signed(percent)}%" if percent is not None else gettext("new")
    return ComparisonRow(label, format_money(before, currency), format_money(after, currency), change)


def _notes(bills: Iterable[ExampleBill], terms: Iterable[VersionTerms]) -> Iterable[str]:
    for bill, version_terms in zip(bills, terms, strict=True):
        for unpriced in bill.unpriced:
            text = gettext("v%(version)s has no price for %(usage)s; it would be unmatched usage.")
            yield text % {"version": version_terms.version_number, "usage": unpriced}
    lengths = {(version_terms.interval.unit, version_terms.interval.count) for version_terms in terms}
    if len(lengths) > 1:
        yield gettext("The billing periods differ in length: each bill covers one period of its version.")
