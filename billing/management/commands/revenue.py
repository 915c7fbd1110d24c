"""Print a revenue report: manage.py revenue --month 2026-01 [--seller S] [--report waterfall] [--in USD] [--json]."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.revenue.finance_home.forecast_report import FORECAST, report_forecast
from billing.revenue.reports.conversion import ReportCurrency, read_report_currency
from billing.revenue.reports.entries import currencies_of
from billing.revenue.reports.registry import REPORTS, NotConvertible, UnknownDivision, read_report
from billing.revenue.reports.table import Report
from customers.models import Seller
from lib.money import UnknownCurrency


class Command(BaseCommand):
    help = "Print a revenue report of each seller and currency, up to a month or up to now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", type=_month, help="First and last month of income, margin and trial balance.")
        parser.add_argument("--seller", default="", help="Code of the seller; default: all.")
        parser.add_argument("--report", choices=[*REPORTS, FORECAST], default="income")
        parser.add_argument("--by", default="", help="What income or margin is divided by.")
        parser.add_argument("--in", default="", dest="into", help="Convert all currencies into this one.")
        parser.add_argument("--apart", default="", help="Currencies that --in leaves out, such as EUR,NOK.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object per line.")

    def handle(self, *args: Any, **options: Any) -> None:
        sellers = Seller.objects.order_by("code")
        if options["seller"]:
            sellers = sellers.filter(code=options["seller"])
            if not sellers:
                raise CommandError(f"There is no seller “{options['seller']}”.")
        at = timezone.now()
        for seller in sellers:
            for report in _read_reports(seller, options, at):
                if options["json"]:
                    self.stdout.write(json.dumps({"seller": seller.code, **report.as_json()}, ensure_ascii=False))
                else:
                    self._print(seller, report)

    def _print(self, seller: Seller, report: Report) -> None:
        content = report.as_json()
        cells = [content["columns"], *([row[name] for name in content["columns"]] for row in content["rows"])]
        texts = [["" if cell is None else str(cell) for cell in row] for row in cells]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        currency = f"in {report.currency}, converted" if report.is_converted else report.currency
        self.stdout.write(f"{seller.code}, {report.code}, {currency}, as of {report.as_of:%Y-%m-%d %H:%M} UTC")
        for row in texts:
            self.stdout.write("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _read_reports(seller: Seller, options: dict[str, Any], at: datetime) -> Iterator[Report]:
    """Yield the report of each currency, or the one that converts them all."""
    currencies: Sequence[str] = currencies_of(seller, at=at)
    if options["report"] == FORECAST:
        yield from (report_forecast(seller, currency=currency, at=at) for currency in currencies)
        return
    into: ReportCurrency | None = None
    try:
        if options["into"]:
            apart = options["apart"].split(",") if options["apart"] else []
            into = read_report_currency(seller, options["into"], currencies=currencies, at=at, apart=apart)
            currencies = [into.currency]
        for currency in currencies:
            yield read_report(
                options["report"],
                seller,
                currency=currency,
                at=at,
                by=options["by"],
                since=options["month"],
                until=options["month"],
                into=into,
            )
    except (NotConvertible, UnknownCurrency, UnknownDivision) as error:
        raise CommandError(str(error)) from error


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ArgumentTypeError(f"“{text}” is not a month; write it like 2026-01.") from None
