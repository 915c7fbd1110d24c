"""What prices leave over their unit costs: of all live versions, and of one."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.decorators import action

from lib.formats import format_money, format_number, format_units
from plans.admin.fields.dimension_match import DEFAULT
from plans.admin.versions.comparison import ComparisonAdmin, page_of
from plans.catalog.dimension_text import format_match
from plans.costs.price_margins import MissingCost, RateMargin, compute_margins, find_missing_costs

LEAST = Decimal(0)


class MarginsAdmin(ComparisonAdmin):
    """The page that tells what a version's rates leave over what their usage costs now."""

    @action(description="Margins", icon="trending_down", url_path="margins")
    def margins(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.version(request, object_id)
        at, title = timezone.now(), f"Margins of {version}"
        found = compute_margins(version, at=at), find_missing_costs([version], at=at)
        return margins_page(self, request, *found, title=title, back=page_of(version), of_one=True)


def margins_page(
    page: ModelAdmin,
    request: HttpRequest,
    margins: Iterable[RateMargin],
    uncosted: Iterable[MissingCost],
    *,
    title: str,
    back: str,
    of_one: bool = False,
) -> TemplateResponse:
    """Return a page of margins (of one version), the thinnest first, that says which leave less than asked for."""
    wanted = _percent(request.GET.get("least"))
    found = sorted(margins, key=lambda one: (one.percent is not None, one.percent or 0))
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "opts": None,
        "least": format_number(wanted),
        "rows": [_row(one, wanted) for one in found],
        "uncosted": [(str(one.version), page_of(one.version), str(one)) for one in uncosted],
        "failing": sum(not one.is_at_least(wanted) for one in found),
        "back": back,
        "of_one": of_one,
    }
    request.current_app = page.admin_site.name
    return TemplateResponse(request, "staff/catalog/margins.html", context)


def _row(one: RateMargin, least: Decimal) -> dict[str, Any]:
    price = Decimal(one.price.numerator) / one.price.denominator
    return {
        "version": str(one.version),
        "url": page_of(one.version),
        "feature": one.feature,
        "rate": one.rate,
        "usage": format_match(dict(sorted(one.dimensions.items()))) or DEFAULT,
        "above": format_units(one.above, one.unit) if one.above else "",
        "price": format_money(round(price, 12).normalize(), one.currency),
        "cost": format_money(one.cost, one.currency),
        "percent": "nothing charged" if one.percent is None else f"{format_number(one.percent)} %",
        "holds": one.is_at_least(least),
    }


def _percent(text: str | None) -> Decimal:
    try:
        wanted = Decimal(text or LEAST)
    except ArithmeticError:
        return LEAST
    return wanted if wanted.is_finite() and abs(wanted) <= 100 else LEAST
