"""Facts → PDF file: the only way in which invoices are rendered."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from invoices.rendering.einvoice.conversion import to_einvoice
from invoices.rendering.einvoice.model import EInvoiceImpossible
from invoices.rendering.einvoice.xml_writer import to_cii
from invoices.rendering.facts_reader import MAX_LINES, TooManyLines
from invoices.rendering.invoice_facts import InvoiceFacts
from invoices.rendering.line_list import summarize
from invoices.rendering.page_content import PageContent, compose
from invoices.rendering.pdf_attachments import EmbeddedXml
from invoices.rendering.pdf_engine import MissingGlyphs, typeset
from invoices.rendering.usage_facts import MeterUsage
from invoices.rendering.wallet_facts import WalletStatement

TEMPLATE = "invoices/invoice.html"
# Control characters have no shape, and some are not allowed in a document; overrides of the reading direction could
# make a name read as another one. Tab and line feed stay.
CONTROLS = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0), 0x202D, 0x202E} - {0x09, 0x0A})
# Characters named in the error: a text in an unsupported script may lack hundreds.
MAX_NAMED_CHARACTERS = 10
EMBEDDING_POLICIES = ("when_possible", "always")


class MissingFont(Exception):
    """A text of the invoice has characters that no font has; the message names both."""


def render(facts: InvoiceFacts, usage: Sequence[MeterUsage] = (), wallets: Sequence[WalletStatement] = ()) -> bytes:
    """
    Return the PDF file of an invoice: equal arguments give equal bytes, on machines with equal fonts.

    usage, wallets: content of the appendix.

    The invoice itself is printed to the letter or not at all. In the appendix, whose values come from events, a
    character without a font is replaced by its code point.

    A table of all lines is attached if the pages sum those of split prices.

    :raises MissingFont: if a text of the invoice itself can't be printed.
    :raises TooManyLines: if the pages would list more than 2,000.
    :raises EInvoiceImpossible: if the seller's invoices always embed XML, and this one can't.
    :raises AssetRefused: if the markup refers to an asset that is not packaged.
    """
    printed_facts, table = summarize(facts)
    if len(printed_facts.lines) > MAX_LINES:
        raise TooManyLines(f"{facts.number} has more than {MAX_LINES:,} lines. Split it into several invoices.")
    document, embedded = compose(printed_facts, usage, wallets), _embedded_xml(facts)
    try:
        return typeset(to_html(document), embedded=embedded, table=table)
    except MissingGlyphs as error:
        if texts := _texts_with(error.characters, replace(document, usage=())):
            raise MissingFont(_missing_font_text(error.characters, texts)) from error
        legible = replace(document, usage=_spell_out(document.usage, error.characters))
        return typeset(to_html(legible), embedded=embedded, table=table)


def _embedded_xml(facts: InvoiceFacts) -> EmbeddedXml | None:
    """Return the XML to embed, by the seller's setting; None for a draft."""
    if facts.branding.e_invoices not in EMBEDDING_POLICIES or facts.state == "draft":
        return None
    try:
        return EmbeddedXml(to_cii(to_einvoice(facts)), facts.dated_at)
    except EInvoiceImpossible:
        if facts.branding.e_invoices == "always":
            raise
        return None


def to_html(document: PageContent) -> str:
    """Return the invoice's markup; every text in it is escaped."""
    with translation.override(document.language):
        return render_to_string(TEMPLATE, {"document": document}).translate(CONTROLS)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for element in value:
            yield from _texts(element)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))


def _texts_with(characters: str, value: Any) -> list[str]:
    return [text for text in dict.fromkeys(_texts(value)) if not set(characters).isdisjoint(text)]


def _missing_font_text(characters: str, texts: Sequence[str]) -> str:
    missing = [character for character in characters if any(character in text for text in texts)][
        :MAX_NAMED_CHARACTERS
    ]
    named = ", ".join(f"“{character}” (U+{ord(character):04X})" for character in missing)
    text = _("No font has %(characters)s, used in “%(text)s”. Install a font that does, and create the PDF again.")
    return text % {"characters": named, "text": texts[0][:200]}


def _spell_out(value: Any, characters: str) -> Any:
    """Return the same value with each of the characters in its texts replaced by its code point."""
    if isinstance(value, str):
        return value.translate({ord(character): f"[U+{ord(character):04X}]" for character in characters})
    if isinstance(value, tuple):
        return tuple(_spell_out(element, characters) for element in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{field.name: _spell_out(getattr(value, field.name), characters) for field in fields(value)}
        )
    return value
