"""Breakage of prepaid value: by seller and month, as a page and as CSV."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from customers.models import Seller
from lib.admin import list_url, page_url, staff_page
from lib.csv_export import csv_lines
from lib.decimals import to_plain_string
from lib.formats import format_money, format_number
from lib.money import round_money
from wallets.models import Wallet
from wallets.statements.breakage_report import COLUMNS, Month, breakage_of


def page(request: HttpRequest) -> HttpResponse:
    """Show the months of every seller, or send them as CSV."""
    months_by_seller = {seller: breakage_of(seller) for seller in Seller.objects.order_by("legal_name")}
    if request.GET.get("format") == "csv":
        rows = [
            [seller.code, *(_text(getattr(month, name)) for name in COLUMNS)]
            for seller, months in months_by_seller.items()
            for month in months
        ]
        return HttpResponse(
            list(csv_lines([["seller", *COLUMNS], *rows])),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="breakage.csv"'},
        )
    return staff_page(
        request,
        "staff/wallets/breakage.html",
        title=_("Breakage"),
        sellers=[_shown(seller, months) for seller, months in months_by_seller.items()],
        back=list_url(Wallet),
    )


def _shown(seller: Seller, months: list[Month]) -> dict[str, Any]:
    method = seller.get_breakage_display()
    if seller.breakage == "proportional":
        percent = format_number(seller.breakage_percent.normalize())
        method = _("%(method)s, %(percent)s%% expected") % {"method": method, "percent": percent}
    figures = [
        [month.month, *(_amount(getattr(month, name), month.currency) for name in COLUMNS[2:])]
        for month in reversed(months)
    ]
    return {"name": str(seller), "by": method, "url": page_url(seller), "months": figures}


def _amount(amount: Any, currency: str) -> str:
    return format_money(round_money(amount, currency), currency)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_plain_string(value)
