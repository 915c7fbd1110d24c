"""The margins of prices over unit costs, for all live versions or a single one."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lib.admin import page_url, row_action, staff_page
from lib.formats import format_number
from plans.admin.fields.dimension_match import DEFAULT
from plans.admin.versions.comparison import VersionComparison
from plans.catalog.dimension_text import format_match
from plans.costs.price_margins import MissingCost, RateMargin, compute_margins, find_missing_costs
from plans.models import PlanVersion

LEAST = Decimal(0)


class VersionMargins(VersionComparison):
    """The page with the margins of a version's rates over current unit costs."""

    @row_action(_("Margins"), icon="trending_down")
    def margins(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        at, title = timezone.now(), gettext("Margins of %(version)s") % {"version": version}
        findings = compute_margins(version, at=at), find_missing_costs([version], at=at)
        return margins_page(request, *findings, title=title, back=page_url(version), of_one=True)


def margins_page(
    request: HttpRequest,
    margins: Iterable[RateMargin],
    uncosted: Iterable[MissingCost],
    *,
    title: str,
    back: str,
    of_one: bool = False,
) -> TemplateResponse:
    """
    Return a page of margins, the lowest first, that marks those below the requested percentage.

    of_one: whether all margins are of a single version.
    """
    least = _percent(request.GET.get("least"))
    sorted_margins = sorted(margins, key=lambda margin: (margin.percent is not None, margin.percent or 0))
    return staff_page(
        request,
        "staff/catalog/margins.html",
        title=title,
        least=format_number(least),
        rows=[_row(margin, least) for margin in sorted_margins],
        uncosted=[(str(missing.version), page_url(missing.version), str(missing)) for missing in uncosted],
        failing=sum(not margin.is_at_least(least) for margin in sorted_margins),
        back=back,
        of_one=of_one,
    )


def _row(margin: RateMargin, least: Decimal) -> dict[str, Any]:
    price = Decimal(margin.price.numerator) / margin.price.denominator
    return {
        "margin": margin,
        "usage": format_match(dict(sorted(margin.dimensions.items()))) or DEFAULT,
        "price": round(price, 12).normalize(),
        "holds": margin.is_at_least(least),
    }


def _percent(text: str | None) -> Decimal:
    try:
        percent = Decimal(text or LEAST)
    except ArithmeticError:
        return LEAST
    return percent if percent.is_finite() and abs(percent) <= 100 else LEAST
