"""The language and number format of invoices, emails and portal pages."""

from functools import lru_cache

from babel import Locale, UnknownLocaleError
from django.utils import translation

LANGUAGES = frozenset({"de", "en", "es", "fr", "it", "nl"})
"""Languages into which every text of an invoice is translated: locale/<language>."""

WORLD_ENGLISH = "en_001"  # English without a country: 15 November 2026


def supported_language(locale: str) -> str | None:
    """Return the language of settings.LANGUAGES for a locale such as de_AT; None if it is not among them."""
    try:
        return translation.get_supported_language_variant(locale.replace("_", "-").lower())
    except LookupError:
        return None


@lru_cache(maxsize=256)
def document_locale(name: str) -> Locale:
    """
    Return the locale of texts for a customer whose locale is `name`, such as de_AT.

    Texts and formats never mix two languages: a customer whose language has no translation gets English texts,
    with the number format of their own country if English has it (hi_IN → en_IN, ja_JP → en_001).
    """
    normalized_name = name.replace("-", "_")
    language, _, subtags = normalized_name.partition("_")
    language = language.lower()
    territory = subtags.rpartition("_")[2]
    available_language = language if language in LANGUAGES else "en"
    for candidate in (
        f"{available_language}_{territory}",
        WORLD_ENGLISH if available_language == "en" else available_language,
    ):
        try:
            return Locale.parse(candidate)
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError(f"Babel has no locale {available_language}")
