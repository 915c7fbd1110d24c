"""
HTML → PDF/A-3a: tagged, with embedded fonts, and the same bytes for the same HTML.

WeasyPrint is imported with a process's first document: most processes render none, and importing it takes a fifth of
the start-up time.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from invoices.rendering.line_list import LineTable
from invoices.rendering.pdf_attachments import EmbeddedXml, build_attachments, build_finisher

VARIANT = "pdf/a-3a"
LOGGER = logging.getLogger("weasyprint")

# WeasyPrint and Pango are not safe to share between threads.
_render_lock = threading.Lock()


class MissingGlyphs(Exception):
    """No available font has these characters."""

    def __init__(self, characters: str) -> None:
        super().__init__(characters)
        self.characters = characters


class AssetRefused(Exception):
    """The document requested an asset that is not packaged; the text names it."""


def typeset(html: str, *, embedded: EmbeddedXml | None = None, table: LineTable | None = None) -> bytes:
    """
    Return a document as a PDF file.

    embedded: the invoice as XML, to embed in the file. table: a table to attach to it.

    :raises MissingGlyphs: if a character would be printed as an empty box.
    :raises AssetRefused: if the markup refers to an asset that is not packaged.
    """
    from weasyprint import HTML
    from weasyprint.urls import FatalURLFetchingError

    from invoices.rendering.asset_loader import FETCHER, load_style

    with _render_lock, _missing_glyphs() as missing:
        sheet, fonts = load_style()
        try:
            document = HTML(string=html, url_fetcher=FETCHER)
            pdf: bytes = document.write_pdf(
                stylesheets=[sheet],
                font_config=fonts,
                pdf_variant=VARIANT,
                attachments=build_attachments(embedded, table),
                finisher=build_finisher(embedded, table),
            )
        except FatalURLFetchingError as error:
            raise AssetRefused(str(error.__cause__)) from error
    if missing:
        raise MissingGlyphs("".join(sorted(missing)))
    return pdf


class _MissingGlyphHandler(logging.Handler):
    """Collects the characters that WeasyPrint warns about; it passes the character and its code point."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.characters: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(".notdef") and isinstance(record.args, tuple):
            self.characters.add(str(record.args[0]))


@contextmanager
def _missing_glyphs() -> Iterator[set[str]]:
    handler = _MissingGlyphHandler()
    LOGGER.addHandler(handler)
    try:
        yield handler.characters
    finally:
        LOGGER.removeHandler(handler)
