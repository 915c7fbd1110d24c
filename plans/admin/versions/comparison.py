"""What changes from one version to another: in words and figures, and by an example bill."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action

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
class Section:
    """The differences of one feature, or of all that is none; ladders: tiers side by side, instead of one by one."""

    title: str
    differences: list[tuple[str, VersionDifference]]
    ladders: list["Ladder"]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The tiers of the rate at `path` before and after: (step, before, after, whether it differs)."""

    path: tuple[str, ...]
    steps: list[tuple[str, str, str, bool]]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of two bills, and how much more the second one comes to."""

    label: str
    before: str
    after: str
    change: str


class ComparisonAdmin(ModelAdmin):
    """The page that says what is different, reached from a version and from whatever asks to agree to it."""

    @action(description="What changes", icon="difference")
    def what_changes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.version(request, object_id)
        others = version.plan.versions.exclude(pk=version.pk).order_by("-number")
        asked = request.GET.get("against", "")
        against = others.filter(number=int(asked)).first() if asked.isdecimal() and len(asked) < 10 else None
        against = against or PlanVersion.objects.compared_with(version, at=timezone.now())
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"What changes with {version}",
            "opts": None,
            "version": version,
            "others": others,
            "against": against,
            "back": page_of(version),
        }
        if against is not None:
            context["sections"] = sections(against, version)
            context["example"] = example(against, version, request.GET)
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "staff/catalog/version_diff.html", context)

    def differences(self, version: PlanVersion, *, at: datetime) -> SafeString:
        """Return in a sentence how much a version changes, with the way to the page that says what."""
        against = PlanVersion.objects.compared_with(version, at=at)
        if against is None:
            return format_html("It is the first version of {}.", version.plan)
        count = len(compare(*read_contents(against, version)))
        url = reverse("admin:plans_planversion_what_changes", args=[version.pk])
        told = f"{format_number(count)} difference{'s' if count != 1 else ''} from {against}: see what changes"
        return format_html('<a class="text-link" href="{}">{}</a>.', url, told)

    def version(self, request: HttpRequest, object_id: str) -> PlanVersion:
        version = self.get_object(request, object_id)
        if version is None:
            raise Http404(f"There is no plan version {object_id}.")
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        return version


def page_of(version: PlanVersion) -> str:
    return reverse("admin:plans_planversion_change", args=[version.pk])


# Differences ------------------------------------------------------------------------------------------------------


def sections(before: PlanVersion, after: PlanVersion) -> list[Section]:
    """Return what differs, gathered by feature; fees, periods and rules together."""
    old, new = read_contents(before, after)
    features = {part.name for version in (old, new) for part in version.parts if part.kind == "feature"}
    gathered: dict[str, list[VersionDifference]] = {}
    for difference in compare(old, new):
        title = difference.path[0] if difference.path and difference.path[0] in features else ""
        gathered.setdefault(title, []).append(difference)
    return [_section(title, found, list(_ladders(old, new, title))) for title, found in gathered.items()]


def _section(title: str, differences: list[VersionDifference], ladders: list[Ladder]) -> Section:
    shown = {ladder.path for ladder in ladders}
    told = [one for one in differences if one.path[:-1] not in shown]
    return Section(title, [(one.relative_subject(title), one) for one in told], ladders)


def _ladders(old: VersionNode, new: VersionNode, title: str) -> Iterable[Ladder]:
    """Yield the tiers of each rate that has some in both versions, and in which one differs."""
    before, after = (_tiered(part for part in version.parts if part.name == title) for version in (old, new))
    for path, steps in after.items():
        if (former := before.get(path)) is not None and former != steps:
            # A tier's key is its bound; the open one, which has none, comes last.
            keys = sorted({*former, *steps}, key=lambda key: (not key, Decimal(key or 0)))
            rows = [
                ({**former, **steps}[key][0], *(one[key][1] if key in one else "–" for one in (former, steps)))
                for key in keys
            ]
            yield Ladder(path, [(*row, row[1] != row[2]) for row in rows])


Steps = dict[str, tuple[str, str]]
"""A tier's key → its name, and what it charges."""


def _tiered(nodes: Iterable[VersionNode], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Steps]:
    found: dict[tuple[str, ...], Steps] = {}
    for node in nodes:
        inner = (*path, node.name) if node.name else path
        steps = {part.key: (part.name, _told(part)) for part in node.parts if part.kind == "tier"}
        found |= {inner: steps} if steps else _tiered(node.parts, inner)
    return found


def _told(tier: VersionNode) -> str:
    figures = {name: fact for name, fact in tier.facts.items() if name == "unit_price" or not fact.is_default}
    if "percent" in figures:
        del figures["unit_price"]
    return ", ".join(
        format_fact(fact) if name in ("unit_price", "percent") else f"{fact.label} {format_fact(fact)}"
        for name, fact in figures.items()
    )


# An example bill --------------------------------------------------------------------------------------------------


def example(before: PlanVersion, after: PlanVersion, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the bills of some usage by both versions; `typed` says how much of what, and in which currency."""
    charged = [list_currencies(version) or [FALLBACK] for version in (before, after)]
    currencies = [one for one in charged[1] if one in charged[0]]
    if not currencies:
        return {"problem": "They share no currency, so no bill can be compared."}
    currency = typed.get("currency", "")
    currency = currency if currency in currencies else currencies[0]
    found: dict[str, Any] = {"currency": currency, "currencies": currencies}
    try:
        terms = [read_terms(version, currency) for version in (before, after)]
        quantities = list_usages(*terms)
        found["inputs"] = inputs = _inputs(quantities, typed)
        used = {use: one["quantity"] for use, one in zip(quantities, inputs, strict=True)}
        bills = [compute_bill(one, used) for one in terms]
    except (ValueError, ValidationError) as error:
        problem = error.messages[0] if isinstance(error, ValidationError) else error
        return found | {"problem": f"It cannot be worked out: {problem}"}
    return found | {
        "rows": [
            _row(label, *(one.lines.get(label, Decimal(0)) for one in bills), currency)
            for label in list_labels(bills)
        ],
        "total": _row("Total before tax", *(one.total for one in bills), currency),
        "drawn": [
            _row(f"{name}, from the wallet", *(one.drawdowns.get((name, of), Decimal(0)) for one in bills), of)
            for name, of in dict.fromkeys(key for one in bills for key in one.drawdowns)
        ],
        "notes": list(_notes(bills, terms)),
    }


def _inputs(quantities: Mapping[ExampleUsage, Decimal], typed: Mapping[str, str]) -> list[dict[str, Any]]:
    found = []
    for place, (use, usual) in enumerate(quantities.items()):
        text = typed.get(f"use-{place}", "").strip()
        (quantity, *_) = QuantitiesField().to_python(text) or [usual]
        found.append(
            {
                "name": f"use-{place}",
                "label": use.label,
                "unit": pluralize(use.unit),
                "value": format_number(quantity),
                "quantity": quantity,
            }
        )
    return found


def _row(label: str, before: Decimal, after: Decimal, currency: str) -> Row:
    percent = percent_change(before, after)
    change = "" if before == after else f"{format_signed(percent)} %" if percent is not None else "new"
    return Row(label, format_money(before, currency), format_money(after, currency), change)


def _notes(bills: Iterable[ExampleBill], terms: Iterable[VersionTerms]) -> Iterable[str]:
    for one, of in zip(bills, terms, strict=True):
        for unpriced in one.unpriced:
            yield f"v{of.version_number} has no price for {unpriced}: it would be reported as unmatched usage."
    lengths = {(one.interval.unit, one.interval.count) for one in terms}
    if len(lengths) > 1:
        yield "Their periods are not equally long: each bill is for one period of its own version."
