"""Custom wording of mails: docs/webhooks.md#mails-in-your-own-words; a stored wording is data and never code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core import mail

from customers.models import Contact, EmailTemplate
from customers.notifications.email import compose_email
from customers.notifications.email_templates import LANGUAGES, fill_placeholders, find_problems
from customers.notifications.kinds import KINDS
from customers.notifications.samples import SAMPLES
from tests.builders import make_customer
from tests.customers.notifications.announcements import announce_alert, send
from tests.customers.notifications.test_mails_are_sent import INVOICE
from tests.customers.notifications.test_webhooks_page_is_complete import EXAMPLES

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| `(.+)` \| (.+) \| (.+) \|$", PAGE.split("## Mails in your own words")[1].split("###")[0], re.MULTILINE
)
TO_CUSTOMERS = [name for name, kind in KINDS.items() if kind.mail]


def as_facts(facts: str) -> dict[str, str]:
    pairs = [fact.split(" ", 1) for fact in facts.split(", ")]
    return {name: value for name, value in pairs if value != "is nothing"}


@pytest.mark.parametrize(("written", "facts", "mailed"), ROWS)
def test_the_examples_of_the_docs_are_correct(written, facts, mailed):
    assert fill_placeholders(written, as_facts(facts)) == mailed


def test_there_are_rows():
    assert len(ROWS) == 4


WRONG = [
    # text                              why
    ("{nothing}", "no placeholder"),
    ("{number", "braces"),
    ("number}", "braces"),
    ("{{ number }}", "braces"),
    ("{% load x %}", "braces"),
    ("{number.__class__}", "braces"),
    ("{}", "braces"),
    ("{Number}", "braces"),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_an_unknown_fact_is_rejected(text, why):
    assert any(why in problem for problem in find_problems("invoice.issued", text))


def test_a_known_fact_is_accepted():
    assert (
        find_problems("invoice.issued", "{customer_name}: {number}, {total} {currency} until {due_date} 100 %") == []
    )


@pytest.fixture
def bea(db):
    customer = make_customer("acme", legal_name="Acme {number}", locale="de_DE")
    return Contact.objects.create(customer=customer, email="bea@acme.example")


def word(language, subject="Own {number}", body="One.\r\n\r\n{customer_name} owes {total}."):
    EmailTemplate.objects.create(kind="invoice.issued", language=language, subject=subject, body=body)


GERMAN = "Rechnung INV-7: 119,00\xa0€, fällig am 18. Mai 2026"
ENGLISH = "Invoice INV-7: 119,00\xa0€, due 18 May 2026"

# Languages with finance's own wording → the subject that a German contact gets, and the one of a Danish contact.
CHOSEN = [
    # custom          German gets                            Dane gets
    ([], GERMAN, ENGLISH),
    (["de"], "Own INV-7", ENGLISH),
    (["en"], GERMAN, "Own INV-7"),
    (["da"], GERMAN, "Own INV-7"),
    (["de", "en"], "Own INV-7", "Own INV-7"),
]


@pytest.mark.parametrize(("languages", "german", "danish"), CHOSEN)
def test_the_contacts_language_comes_first_and_then_custom_wording(bea, languages, german, danish):
    Contact.objects.create(customer=bea.customer, email="dan@acme.example", language="da_DK")
    for language in languages:
        word(language)
    announce_alert(bea.customer, kind="invoice.issued", **INVOICE)
    send()

    assert {message.to[0]: message.subject for message in mail.outbox} == {
        "bea@acme.example": german,
        "dan@acme.example": danish,
    }


def test_paragraphs_and_facts_are_kept_and_no_code_is_run(bea):
    word("de", body="{customer_name}: {total}\r\n\r\n{{ 7 }}{% now 'Y' %} <b>{number}</b>")
    announce_alert(bea.customer, kind="invoice.issued", **INVOICE)
    send()

    [message] = mail.outbox
    assert "Acme {number}: 119,00\xa0€\n" in message.body, "a name that looks like a placeholder stays a name"
    assert "{{ 7 }}{% now 'Y' %} <b>INV-7</b>" in message.body
    assert "Zahlbar bis: 18. Mai 2026" in message.body
    html = message.alternatives[0][0]
    assert "&lt;b&gt;INV-7&lt;/b&gt;" in html
    assert '<html lang="de">' in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_customer_mail_exists_in_every_language(language):
    assert [problem for kind in TO_CUSTOMERS for problem in problems_of_mail(kind, language)] == []


def problems_of_mail(kind: str, language: str) -> Iterator[str]:
    """Yield a sentence for each gap of a mail: an untranslated or empty text, a raw number, a raw time."""
    text = compose_email(kind, language=language, facts=SAMPLES[kind], customer_name="Acme GmbH", wordings={})
    english = compose_email(kind, language="en", facts=SAMPLES[kind], customer_name="Acme GmbH", wordings={})
    if language != "en" and set(text.paragraphs) & set(english.paragraphs):
        yield f"{kind} is not in {language}"
    shown = [text.subject, *text.paragraphs, *text.facts.values()]
    if gap := re.search(r"\(\)|[^.] {2}|\{|\}|\d{4}-\d\d-\d\d|\d\.\d\d [A-Z]{3}", " | ".join(shown)):
        yield f"{kind} in {language} has “{gap[0]}”"


def test_the_samples_have_facts_of_the_docs():
    documented_facts = {example["type"]: set(example["data"]) for example in EXAMPLES}
    # The facts of alerts depend on the alert rule; docs/alerts.md lists all of them.
    for kind in SAMPLES.keys() - {"alert.fired", "alert.recovered"}:
        assert set(SAMPLES[kind]) <= documented_facts[kind], kind


def test_every_mail_has_a_sample():
    mailed = {name for name, kind in KINDS.items() if kind.mail or kind.to_owner}
    assert set(SAMPLES) == mailed
