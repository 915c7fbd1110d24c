"""An invoice has one language: the customer's if it is translated, else English."""

from dataclasses import fields
from string import Formatter

import pytest

from invoices.rendering.translations import LANGUAGES, Words, load_words, words_for

LOCALES = [
    # requested words   format    why
    ("de_AT", "Rechnung", "de_AT", "the customer's language and country"),
    ("de", "Rechnung", "de", "a language alone"),
    ("fr-CA", "Facture", "fr_CA", "a dash does as well"),
    ("en_IN", "Invoice", "en_IN", "English as it is written there"),
    ("hi_IN", "Invoice", "en_IN", "no words in Hindi, but English has India's numbers"),
    ("ja_JP", "Invoice", "en_001", "English has no Japanese form: then nobody's"),
    ("zh_Hans_SG", "Invoice", "en_SG", "the country stands last"),
    ("xx_YY", "Invoice", "en_001", "unknown altogether"),
    ("", "Invoice", "en_001", "nothing known"),
]


@pytest.mark.parametrize(("requested", "invoice", "locale", "why"), LOCALES)
def test_words_and_numbers_are_in_one_language(requested, invoice, locale, why):
    words, chosen_locale = words_for(requested)
    assert (words.invoice, str(chosen_locale)) == (invoice, locale), why


@pytest.mark.parametrize("language", sorted(LANGUAGES - {"en"}))
def test_every_language_has_every_text_with_the_same_placeholders(language):
    def blanks(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    words, english = load_words(language), load_words("en")
    for field in fields(Words):
        text = getattr(words, field.name)
        assert text.strip(), field.name
        assert blanks(text) == blanks(getattr(english, field.name)), field.name
