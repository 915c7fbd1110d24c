"""Finance words mails: docs/webhooks.md#mails-in-your-own-words; stored text is data, whatever it says."""

import re
from pathlib import Path

import pytest
from django.core import mail
from django.template.loader import get_template

from customers.models import Contact, EmailTemplate
from customers.notifications import fact_labels
from customers.notifications.email import compose_email
from customers.notifications.email_templates import LANGUAGES, fill_placeholders, find_problems
from customers.notifications.kinds import KINDS
from customers.notifications.samples import SAMPLES
from tests.builders import make_customer
from tests.customers.notifications.test_mail_says_what_happened import INVOICE
from tests.customers.notifications.test_the_page_says_what_is_told import EXAMPLES
from tests.customers.notifications.world import send, tell

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+)` \| (.+) \| (.+) \|$", PAGE.split("## Mails in your own words")[1], re.MULTILINE)
TO_CUSTOMERS = [name for name, kind in KINDS.items() if kind.mail]


def as_facts(told: str) -> dict[str, str]:
    pairs = [one.split(" ", 1) for one in told.split(", ")]
    return {name: value for name, value in pairs if value != "is nothing"}


@pytest.mark.parametrize(("written", "facts", "mailed"), ROWS)
def test_the_page_is_right(written, facts, mailed):
    assert fill_placeholders(written, as_facts(facts)) == mailed


def test_there_are_rows():
    assert len(ROWS) == 4


WRONG = [
    # text                              why
    ("{nothing}", "no fact of this mail"),
    ("{number", "brace"),
    ("number}", "brace"),
    ("{{ number }}", "brace"),
    ("{% load x %}", "brace"),
    ("{number.__class__}", "brace"),
    ("{}", "brace"),
    ("{Number}", "brace"),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_an_unknown_fact_is_rejected(text, why):
    assert any(why in problem for problem in find_problems("invoice.issued", text))


def test_what_the_kind_has_is_fine():
    assert (
        find_problems("invoice.issued", "{customer_name}: {number}, {total} {currency} until {due_date} 100 %") == []
    )


@pytest.fixture
def bea(db):
    customer = make_customer("acme", legal_name="Acme {number}", locale="de_DE")
    return Contact.objects.create(customer=customer, email="bea@acme.example")


def word(language, subject="Own {number}", body="One.\r\n\r\n{customer_name} owes {total}."):
    EmailTemplate.objects.create(kind="invoice.issued", language=language, subject=subject, body=body)


# Which languages have finance's own wording → whose words a German contact reads, and one who speaks Danish.
CHOSEN = [
    # own             German reads                           Dane reads
    ([], "Rechnung INV-7: 119.00 EUR", "Invoice INV-7: 119.00 EUR"),
    (["de"], "Own INV-7", "Invoice INV-7: 119.00 EUR"),
    (["en"], "Rechnung INV-7: 119.00 EUR", "Own INV-7"),
    (["da"], "Rechnung INV-7: 119.00 EUR", "Own INV-7"),
    (["de", "en"], "Own INV-7", "Own INV-7"),
]


@pytest.mark.parametrize(("own", "german", "danish"), CHOSEN)
def test_ones_own_language_comes_first_and_in_it_finances_own_words(bea, own, german, danish):
    Contact.objects.create(customer=bea.customer, email="dan@acme.example", language="da_DK")
    for language in own:
        word(language)
    tell(bea.customer, kind="invoice.issued", **INVOICE)
    send()

    assert {one.to[0]: one.subject for one in mail.outbox} == {
        "bea@acme.example": german,
        "dan@acme.example": danish,
    }


def test_paragraphs_and_facts_are_as_they_were_worded_and_nothing_is_run(bea):
    word("de", body="{customer_name}: {total}\r\n\r\n{{ 7 }}{% now 'Y' %} <b>{number}</b>")
    tell(bea.customer, kind="invoice.issued", **INVOICE)
    send()

    [message] = mail.outbox
    assert "Acme {number}: 119.00\n" in message.body, "a name that looks like a placeholder stays a name"
    assert "{{ 7 }}{% now 'Y' %} <b>INV-7</b>" in message.body
    assert "Fällig am: 2026-05-18" in message.body
    html = message.alternatives[0][0]
    assert "&lt;b&gt;INV-7&lt;/b&gt;" in html
    assert '<html lang="de">' in html


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
@pytest.mark.parametrize("kind", TO_CUSTOMERS)
def test_every_mail_of_customers_is_there_in_every_language(kind, language):
    text = compose_email(kind, language=language, facts=SAMPLES[kind], customer_name="Acme GmbH", wordings={})

    assert text.language == language
    assert text.subject
    assert text.paragraphs
    assert not re.search(r"\(\)|\s{2}|\{|\}", text.subject + "".join(text.paragraphs))
    english = get_template(f"email/{kind}.txt").template.source
    own = get_template(f"email/{language}/{kind}.txt").template.source
    assert names(own) <= names(english) | {"currency", "subscription"}, "it says no more than the English one"


def names(source):
    return set(re.findall(r"\{\{ (\w+) \}\}", source))


def test_the_samples_are_facts_that_the_page_shows():
    shown = {example["type"]: set(example["data"]) for example in EXAMPLES}
    # What alerts tell depends on what is watched; docs/alerts.md lists all of it.
    for kind in SAMPLES.keys() - {"alert.fired", "alert.recovered"}:
        assert set(SAMPLES[kind]) <= shown[kind], kind


def test_every_mail_has_a_sample():
    mailed = {name for name, kind in KINDS.items() if kind.mail or kind.to_owner}
    assert set(SAMPLES) == mailed


def test_every_label_is_translated_into_every_language():
    assert len({frozenset(label) for label in fact_labels.LABELS.values()}) == 1
