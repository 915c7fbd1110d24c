"""The lines of an invoice as a table, and their summary where a split price has made too many to print."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.translation import ngettext

from invoices.rendering.formats import Figures
from invoices.rendering.invoice_facts import InvoiceFacts, LineFacts
from lib.csv_export import csv_lines
from lib.decimals import exact_sum, to_plain_string
from lib.locales import document_locale

COLUMNS = ("position", "description", "from", "until", "quantity", "unit", "amount", "currency", "tax_rate")
SECTION = "subscription"
"""An additional column of consolidated invoices."""

MAX_PRINTED = 100
"""Lines of split prices that a file prints; if there are more, it sums them and attaches the table."""


@dataclass(frozen=True, slots=True)
class LineTable:
    """All lines of an invoice as CSV, to attach to a file that prints their summary. dated_at: the file's date."""

    name: str
    content: bytes
    dated_at: datetime


def summarize(facts: InvoiceFacts) -> tuple[InvoiceFacts, LineTable | None]:
    """
    Return the facts to print: with one line for all values of each split price if these have more than 100 lines.

    The table then has all lines; None if every line is printed.
    """
    if sum("value" in line.explanation for line in facts.lines) <= MAX_PRINTED:
        return facts, None
    groups: dict[tuple[object, ...], list[LineFacts]] = {}
    for position, line in enumerate(facts.lines):
        name = _name_of_group(line) if "value" in line.explanation else position
        groups.setdefault((name, line.kind, line.unit, line.tax_rate, line.section), []).append(line)
    locale = document_locale(facts.locale)
    figures = Figures(locale, facts.currency, ZoneInfo(facts.time_zone or "UTC"))
    with translation.override(locale.language):
        printed = tuple(
            _sum_lines(lines, figures) if "value" in lines[0].explanation else lines[0] for lines in groups.values()
        )
    content = "".join(csv_lines(table_rows(facts))).encode()
    return replace(facts, lines=printed), LineTable(f"{facts.number or 'draft'}-lines.csv", content, facts.dated_at)


def _name_of_group(line: LineFacts) -> str:
    """Return a line's description without the value that it is for."""
    before, _, after = line.description.rpartition(f": {line.explanation['value']}")
    return before + after


def _sum_lines(lines: Sequence[LineFacts], figures: Figures) -> LineFacts:
    count = len(lines)
    text = ngettext(
        "%(name)s: %(count)s line, listed in the attached table",
        "%(name)s: %(count)s lines, listed in the attached table",
        count,
    )
    return replace(
        lines[0],
        description=text % {"name": _name_of_group(lines[0]), "count": figures.quantity(Decimal(count))},
        service_start=min(line.service_start for line in lines),
        service_end=max(line.service_end for line in lines),
        quantity=exact_sum(line.quantity for line in lines),
        amount=exact_sum(line.amount for line in lines),
        explanation={},
    )


def table_rows(facts: InvoiceFacts) -> Iterator[Sequence[str]]:
    """Yield the header and the rows of an invoice's lines, with every number in full."""
    has_sections = any(line.section for line in facts.lines)
    yield (*COLUMNS, SECTION) if has_sections else COLUMNS
    for position, line in enumerate(facts.lines, 1):
        cells = (
            str(position),
            line.description,
            line.service_start.isoformat(),
            line.service_end.isoformat(),
            to_plain_string(line.quantity),
            line.unit,
            to_plain_string(line.amount),
            facts.currency,
            to_plain_string(line.tax_rate),
        )
        yield (*cells, line.section) if has_sections else cells
