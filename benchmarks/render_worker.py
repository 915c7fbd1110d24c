"""
The two sides of the `render` benchmark in a warm process: our whole rendering, and WeasyPrint alone on the same HTML.

WeasyPrint gets our style sheet and fonts already loaded, which is the faster way: otherwise it reads both for each
document.
"""

from dataclasses import replace
from datetime import datetime

from weasyprint import HTML

from invoices.models import Invoice, Rendering
from invoices.rendering import render_queue, renderer
from invoices.rendering.asset_loader import load_style
from invoices.rendering.facts_reader import read_invoice_facts
from invoices.rendering.page_content import compose
from invoices.rendering.pdf_engine import VARIANT
from invoices.rendering.pdf_file import to_html


def html_of(invoice: Invoice) -> str:
    """Return the markup that both sides render."""
    facts = replace(read_invoice_facts(invoice), summary=renderer.read_summary(invoice))
    return to_html(compose(facts, renderer.read_usage(invoice)))


def ours(invoice: Invoice, *, at: datetime) -> None:
    """
    Render an invoice from its rows and store the file, as a worker does; an existing file is deleted first.

    :raises AssertionError: if it could not be rendered.
    """
    Rendering.objects.filter(invoice=invoice).delete()
    claim = render_queue.lease_rendering(invoice_id=invoice.pk, at=at)
    if claim is None or not renderer.attempt_rendering(claim, at=at):
        raise AssertionError(f"{invoice} could not be rendered: {Rendering.objects.get(invoice=invoice).error}")


def alone(html: str) -> bytes:
    """Return WeasyPrint's PDF of the markup."""
    sheet, fonts = load_style()
    pdf: bytes = HTML(string=html).write_pdf(stylesheets=[sheet], font_config=fonts, pdf_variant=VARIANT)
    return pdf
