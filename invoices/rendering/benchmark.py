"""
The two sides of the `render` benchmark in a warm process: our whole rendering, and WeasyPrint alone on the same HTML.

WeasyPrint is given our style sheet and fonts ready to use, the faster of its ways: without them it reads both anew
for each document.
"""

from datetime import datetime

from weasyprint import HTML

from invoices.models import Invoice, Rendering
from invoices.rendering import claims, making
from invoices.rendering.document import compose
from invoices.rendering.files import to_html
from invoices.rendering.packaged import style
from invoices.rendering.reading import read
from invoices.rendering.typesetting import VARIANT


def html_of(invoice: Invoice) -> str:
    """Return the markup that both sides set."""
    return to_html(compose(read(invoice), making.usage_of(invoice)))


def ours(invoice: Invoice, *, at: datetime) -> None:
    """
    Render an invoice from its rows and store the file, as a worker does; a file it has is forgotten first.

    :raises AssertionError: if it could not be rendered.
    """
    Rendering.objects.filter(invoice=invoice).delete()
    claim = claims.take(invoice_id=invoice.pk, at=at)
    if claim is None or not making.attempt(claim, at=at):
        raise AssertionError(f"{invoice} could not be rendered: {Rendering.objects.get(invoice=invoice).error}")


def alone(html: str) -> bytes:
    """Return the file that WeasyPrint makes of the markup."""
    sheet, fonts = style()
    return HTML(string=html).write_pdf(stylesheets=[sheet], font_config=fonts, pdf_variant=VARIANT)
