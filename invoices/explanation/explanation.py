"""An invoice explained: its parts, the bridge from the former invoice, and both as sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from babel import Locale
from django.utils import translation

from invoices.explanation.bridge import Bridge, build_bridge
from invoices.explanation.facts import ExplainedInvoice
from invoices.explanation.parts import Part, invoice_parts
from invoices.explanation.sentences import bridge_sentences, part_text, remarks, step_text, sum_sentence
from invoices.rendering.formats import Figures
from lib.locales import document_locale, supported_language


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    parts, bridge: in numbers, with every part and step. part_texts, step_texts: each in words.
    sentences: the whole as text, at least one. bridge: None without a former invoice.
    """

    locale: Locale
    parts: tuple[Part, ...]
    part_texts: tuple[str, ...]
    bridge: Bridge | None
    step_texts: tuple[str, ...]
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


def explain(invoice: ExplainedInvoice, former: ExplainedInvoice | None, *, locale: Locale) -> Explanation:
    """
    Return the explanation of an invoice. Pure: equal facts give equal sentences.

    former: the invoice to compare it with, in the same currency. locale: as `explanation_locale` returns it.
    """
    figures = Figures(locale, invoice.currency, ZoneInfo("UTC"))  # it prints dates of issue only, not moments
    parts = invoice_parts(invoice)
    bridge = build_bridge(former, invoice) if former else None
    with translation.override(locale.language):
        return Explanation(
            locale=locale,
            parts=parts,
            part_texts=tuple(part_text(part, figures) for part in parts),
            bridge=bridge,
            step_texts=tuple(step_text(step, figures) for step in bridge.steps) if bridge else (),
            sentences=tuple(_sentences(invoice, parts, bridge, figures)),
        )


def _sentences(
    invoice: ExplainedInvoice, parts: tuple[Part, ...], bridge: Bridge | None, figures: Figures
) -> Iterator[str]:
    yield sum_sentence(invoice, parts, figures)
    yield from remarks(invoice, figures)
    if bridge:
        yield from bridge_sentences(bridge, figures)


def explanation_locale(name: str) -> Locale:
    """
    Return the locale of an explanation for a reader whose locale is `name`: its language if the portal has it, else
    English, with the number format of the country.
    """
    language = supported_language(name) or "en"
    _language, _separator, subtags = name.replace("-", "_").partition("_")
    return document_locale(f"{language}_{subtags}" if subtags else language)
