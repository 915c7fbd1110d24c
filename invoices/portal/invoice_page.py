"""One document: what it claims, why each amount is what it is, and its files."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from customers.portal.visit import Visit, show, signed_in
from invoices.models import Invoice, Line
from invoices.models.invoices import BILLS_USAGE
from invoices.portal.formats import reading
from invoices.portal.invoice_list import documents, row
from invoices.portal.payment import pay_link
from invoices.rendering import renderer
from invoices.rendering.downloads import TRY_AGAIN_SECONDS, file_name
from invoices.rendering.facts_reader import TooLong, read, sections_of
from invoices.rendering.page_content import LineText, compose
from lib.csv_export import csv_lines
from lib.decimals import plain

COLUMNS = ("position", "description", "from", "until", "quantity", "unit", "amount", "currency", "tax_rate")
SECTION = "subscription"
"""A column more, where a document is about several of them."""


@dataclass(frozen=True, slots=True)
class LineShown:
    """A line with its place on the document; has_events: whether it bills usage that can be looked at."""

    position: int
    text: LineText
    has_events: bool


@signed_in()
def invoice(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    found: Invoice = visit.one(documents(visit), pk=number)
    context = {
        "invoice": found,
        "row": row(found, reading(visit), visit),
        "pay": pay_link(found) if found.due else None,
        "notes": [row(one, reading(visit), visit) for one in documents(visit).filter(corrects=found).order_by("pk")],
    }
    try:
        document = compose(read(found))
        places = found.lines.order_by("position").values_list("position", "kind")
        context |= {
            "document": document,
            "lines": [
                LineShown(position, text, kind in BILLS_USAGE)
                for text, (position, kind) in zip(document.lines, places, strict=True)
            ],
        }
    except TooLong:
        context["is_long"] = True
    return show(request, visit, "invoice.html", context)


@signed_in()
def file(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Send the PDF, made now if no worker has made it yet."""
    found: Invoice = visit.one(documents(visit), pk=number)
    try:
        rendering = renderer.render_one(invoice_id=found.pk, at=timezone.now())
    except renderer.NotRendered:
        answer = show(request, visit, "not_ready.html", {"invoice": found}, status=503)
        answer["Retry-After"] = str(TRY_AGAIN_SECONDS)
        return answer
    headers = {"Content-Disposition": f'attachment; filename="{file_name(found)}"'}
    return HttpResponse(bytes(rendering.content or b""), content_type="application/pdf", headers=headers)


@signed_in()
def table(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Send the lines as CSV."""
    found: Invoice = visit.one(documents(visit), pk=number)
    rows = visit.own(Line.objects.filter(invoice=found), "invoice__customer").order_by("position")
    name = file_name(found).removesuffix(".pdf")
    headings = sections_of(found)
    columns = (*COLUMNS, SECTION) if headings else COLUMNS
    return StreamingHttpResponse(
        csv_lines([columns, *((*_cells(one), *_heading(one, headings)) for one in rows)]),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _heading(line: Line, headings: Mapping[int, str]) -> tuple[str, ...]:
    return (headings.get(line.position, ""),) if headings else ()


def _cells(line: Line) -> tuple[str, ...]:
    return (
        str(line.position),
        line.description,
        line.service_start.isoformat(),
        line.service_end.isoformat(),
        plain(line.quantity),
        line.unit,
        plain(line.amount.amount),
        str(line.currency),
        plain(line.tax_rate),
    )
