"""Texts that customers read are translated into each language, and every text passes through gettext."""

import subprocess
from pathlib import Path

import pytest

from config.paths import PROJECT
from tests.project_copies import copied_project
from tests.translations.catalogs import (
    CUSTOMER_SOURCES,
    EVERY_LANGUAGE,
    INVOICE_SOURCES,
    INVOICES_ONLY,
    extract,
    read_messages,
    untranslated,
)
from tests.translations.sources import calls_in_fstrings, files, hard_coded_texts

PLANTED_TEXT = "Planted text"


@pytest.fixture(scope="module")
def extracted() -> dict[str, dict]:
    """
    Return language → messages, extracted from the present sources and from one with a new text.

    Extraction takes half a minute, so one serves all of these tests.
    """
    with copied_project() as copy:
        (copy / "customers" / "portal" / "planted.py").write_text(
            f"from django.utils.translation import gettext\n\nTEXT = gettext({PLANTED_TEXT!r})\n"
        )
        extract(copy)
        return {language: read_messages(copy, language) for language in EVERY_LANGUAGE}


@pytest.mark.parametrize("language", EVERY_LANGUAGE)
def test_catalogs_hold_the_texts_of_the_code(extracted, language):
    assert set(read_messages(PROJECT, language)) == set(extracted[language]) - {(None, PLANTED_TEXT)}, (
        "run `make messages`"
    )


@pytest.mark.parametrize("language", EVERY_LANGUAGE)
def test_customers_read_no_english_text(extracted, language):
    sources = INVOICE_SOURCES if language in INVOICES_ONLY else CUSTOMER_SOURCES
    texts = [text for text in untranslated(extracted[language], sources) if text != PLANTED_TEXT]
    assert texts == []


@pytest.mark.parametrize("language", EVERY_LANGUAGE)
def test_a_new_text_is_missing_in_every_catalog(extracted, language):
    assert PLANTED_TEXT in untranslated(extracted[language], CUSTOMER_SOURCES)


@pytest.mark.parametrize("language", EVERY_LANGUAGE)
def test_no_translation_is_a_guess(language):
    assert [message.id for message in read_messages(PROJECT, language).values() if message.fuzzy] == []


@pytest.mark.parametrize("language", EVERY_LANGUAGE)
def test_placeholders_and_plural_forms_match(language):
    catalog = PROJECT / "locale" / language / "LC_MESSAGES" / "django.po"
    checked = subprocess.run(
        ["msgfmt", "--check-format", "--output-file=/dev/null", catalog], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_templates_have_no_text_outside_of_translation():
    found = {
        str(template.relative_to(PROJECT)): texts
        for template in files(PROJECT, TRANSLATED_TEMPLATES, ".html")
        if (texts := hard_coded_texts(template.read_text()))
    }
    assert found == {}


def test_no_text_hides_in_an_fstring():
    folders = ("access", "billing", "config", "customers", "invoices", "lib", "plans", "wallets")
    found = {
        str(module.relative_to(PROJECT)): lines
        for module in files(PROJECT, folders, ".py")
        if (lines := calls_in_fstrings(module.read_text()))
    }
    assert found == {}


TRANSLATED_TEMPLATES = ("templates/invoices", "templates/portal", "templates/wallets")


PLANTED = [
    # source                                                    found
    ("<p>Pay now</p>", ["Pay now"]),
    ('<input placeholder="Your address">', ["Your address"]),
    ('{% translate "Pay now" %} · {{ amount }} €', []),
    ("{% blocktranslate count n=days %}{{ n }} day{% plural %}{{ n }} days{% endblocktranslate %}", []),
    ("{# Why #}<script>let text = 'not read';</script><b>&nbsp;–</b>", []),
    ('<p>{% if paid %}{% translate "Paid" %}{% else %}Still due{% endif %}</p>', ["Still due"]),
]


@pytest.mark.parametrize(("source", "found"), PLANTED)
def test_a_hard_coded_text_is_found(source, found):
    assert [text for _, text in hard_coded_texts(source)] == found


def test_a_wrong_plural_is_found(tmp_path: Path):
    catalog = tmp_path / "wrong.po"
    text = (PROJECT / "locale" / "de" / "LC_MESSAGES" / "django.po").read_text()
    catalog.write_text(text.replace("%(units)s Credits", "%(unit)s Credits"))
    checked = subprocess.run(
        ["msgfmt", "--check-format", "--output-file=/dev/null", catalog], capture_output=True, text=True, check=False
    )
    assert "%(unit)s" in checked.stderr or "'unit'" in checked.stderr
