"""An invoice has one language: the customer's if it is translated, else English."""

import pytest

from invoices.rendering.page_content import compose
from lib.locales import document_locale
from tests.invoices.rendering.samples import invoice

LOCALES = [
    # requested heading format    why
    ("de_AT", "Rechnung", "de_AT", "the customer's language and country"),
    ("de", "Rechnung", "de", "a language alone"),
    ("fr-CA", "Facture", "fr_CA", "a dash does as well"),
    ("en_IN", "Invoice", "en_IN", "English as it is written there"),
    ("hi_IN", "Invoice", "en_IN", "no translation into Hindi, but English has India's numbers"),
    ("ja_JP", "Invoice", "en_001", "English has no Japanese form: then nobody's"),
    ("zh_Hans_SG", "Invoice", "en_SG", "the country stands last"),
    ("xx_YY", "Invoice", "en_001", "unknown altogether"),
    ("", "Invoice", "en_001", "nothing known"),
]


@pytest.mark.parametrize(("requested", "heading", "locale", "why"), LOCALES)
def test_texts_and_numbers_are_in_one_language(requested, heading, locale, why):
    assert compose(invoice(locale=requested)).heading == heading, why
    assert str(document_locale(requested)) == locale, why
