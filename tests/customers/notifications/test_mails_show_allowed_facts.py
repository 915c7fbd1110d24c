"""Each email shows allowed facts only, in words and in its reader's formats: docs/webhooks.md#facts-of-mails."""

import re

import pytest

from customers.brand.colors import contrast_on_white
from customers.brand.palette import LEAST_CONTRAST, palette
from customers.notifications.email import EmailText, compose_email
from customers.notifications.email_headlines import headline_of
from customers.notifications.email_templates import LANGUAGES
from customers.notifications.samples import EMAIL_FACTS, SAMPLES
from tests.customers.notifications.test_webhooks_page_is_complete import EXAMPLES

INTERNAL = {"customer": "cust-8842", "subscription": "sub-8842", "feature": "api.calls", "plan": "scale_2027"} | {
    name: 884_200 + place
    for place, name in enumerate(("alert", "alert_rule", "charge", "invoice", "lot", "purchase", "topup", "wallet"))
}
REMEDIES = ("upgrade", "raise_cap", "top_up", "use_credits", "review_usage")
TIME = "2026-10-25T07:00:00+00:00"
DARK_CARD = "#16191c"
"""The background of an email in a dark theme: templates/email/mail.html."""

RAW = re.compile(r"\d{4}-\d\d-\d\d|T\d\d:|\b[a-z]+_[a-z]+\b|\bNone\b|8842|\{|\}")


def compose(kind: str, language: str, /, **facts: object) -> EmailText:
    """Return an email about facts as announced, with those that are read before it is sent."""
    documented = next((example["data"] for example in EXAMPLES if example["type"] == kind), {})
    known = documented | SAMPLES[kind] | EMAIL_FACTS.get(kind, {})
    names = {} if kind.startswith("migration.") else INTERNAL
    return compose_email(
        kind,
        language=language,
        facts={**known, **names, "period_start": TIME, "set_by": "finance", **facts},
        customer_name="Acme GmbH",
        wordings={},
    )


def shown_texts(text: EmailText) -> str:
    message = text.as_message("bea@acme.example")
    without_links = re.sub(r"https?://\S+", "", message.body)
    return " | ".join([text.subject, text.heading, text.inbox_text, text.headline, text.headline_note, without_links])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", SAMPLES)
def test_no_id_code_or_raw_time_is_shown(kind, language):
    texts = shown_texts(compose(kind, language))
    assert RAW.findall(texts) == [], texts


@pytest.mark.parametrize("remedy", REMEDIES)
@pytest.mark.parametrize("kind", ["allowance", "cap", "spend", "last_period", "projected", "values", "anomaly"])
def test_no_alert_shows_its_kind_or_remedy(kind, remedy):
    texts = shown_texts(compose("alert.fired", "en", kind=kind, remedy=remedy))
    assert RAW.findall(texts) == [], texts


@pytest.mark.parametrize("kind", SAMPLES)
def test_an_email_whose_details_are_unknown_shows_no_code_either(kind):
    text = compose_email(
        kind, language="en", facts={**SAMPLES[kind], **INTERNAL}, customer_name="Acme GmbH", wordings={}
    )
    if not kind.startswith("migration."):
        assert RAW.findall(shown_texts(text)) == []
    assert text.subject
    assert text.paragraphs


WORDS = [
    # kind                facts                                            text
    ("alert.fired", {"kind": "cap"}, "80% of your US$500.00 cap is used"),
    ("alert.fired", {"kind": "cap"}, "You have used US$400.00 of your US$500.00 cap."),
    (
        "alert.fired",
        {"kind": "allowance", "value": "300", "limit": "300", "unit": "request", "threshold": 100},
        "You have used all 300 requests in your plan.",
    ),
    ("invoice.issued", {}, "Your invoice for April: €119.00, due 18 May 2026"),
    ("invoice.issued", {"is_settled": "yes", "due": "0"}, "Your invoice INV-000042 of €119.00 is already paid."),
    ("invoice.issued", {"document": "credit_note"}, "We have issued credit note INV-000042 for €119.00."),
    ("invoice.reminder", {}, "we pause your service on 8 June 2026"),
    ("invoice.reminder", {"next_action": "cancel"}, "your subscription ends on 8 June 2026"),
    ("invoice.reminder", {"reminder": "first"}, "thank you, and please ignore this email"),
    ("invoice.reminder", {"reminder": "further"}, "We have not yet received €119.00"),
    ("payment.failed", {}, "with your Visa 4242 was declined. The card has expired."),
    ("payment.failed", {"decline": "do_not_honor"}, "with your Visa 4242 was declined."),
    ("topup.paid", {"amount": "40.00", "currency": "USD"}, "1,000 credits added for US$40.00"),
    ("wallet.granted", {"amount": None, "units": "1000"}, "Added to your wallet: 1,000 credits"),
]


@pytest.mark.parametrize(("kind", "facts", "words"), WORDS)
def test_the_answer_is_in_words(kind, facts, words):
    assert words in shown_texts(compose(kind, "en", **facts)).replace("\N{NO-BREAK SPACE}", " ")


BUTTONS = [
    # kind                facts                     button                  link
    ("invoice.issued", {}, "Pay €119.00", "View invoice"),
    ("invoice.issued", {"is_settled": "yes"}, "View invoice", ""),
    ("invoice.overdue", {}, "Pay €119.00", "View invoice"),
    ("payment.failed", {}, "Update payment method", "Pay another way"),
    ("topup.switched_off", {}, "Update payment method", "Manage automatic top-up"),
    ("alert.fired", {"remedy": "top_up"}, "Top up", "View wallet"),
    ("subscription.canceled", {}, "View plan", ""),
    ("invoice.uncollectible", {}, "", ""),
]


@pytest.mark.parametrize(("kind", "facts", "button", "link"), BUTTONS)
def test_one_button_and_at_most_one_link_lead_to_the_portal(settings, kind, facts, button, link):
    settings.PUBLIC_URL = "https://billing.example"
    text = compose(kind, "en", **facts)
    found = [each for each in (text.button, text.link) if each]
    assert [each.label for each in found] == [label for label in (button, link) if label]
    assert all(each.url.startswith("https://billing.example/portal/") for each in found)
    html = text.as_message("bea@acme.example").alternatives[0][0]
    assert all(f'href="{each.url}"' in html for each in found)


def test_an_own_wording_has_no_headline_or_heading_of_ours():
    text = compose_email(
        "invoice.issued",
        language="en",
        facts=SAMPLES["invoice.issued"] | EMAIL_FACTS["invoice.issued"],
        customer_name="Acme GmbH",
        wordings={"en": ["Own {number}", "First {period}.\n\nSecond."]},
    )
    assert (text.heading, text.headline, list(text.paragraphs)) == ("Own INV-000042", "", ["First April.", "Second."])


def test_a_headline_needs_its_facts():
    assert headline_of("invoice.overdue", {"number": "INV-7"}) is None
    assert headline_of("invoice.overdue", {"due": "€1.00", "number": "INV-7"}) is None


@pytest.mark.parametrize("color", ["#7b61e8", "#ffee00", "#000000", "#ffffff", "#1f3a5f", "#d07a2a"])
def test_colors_are_legible_in_both_themes(color):
    assert contrast_on_white(palette(color).light.accent) >= LEAST_CONTRAST
    assert contrast_on_white(DARK_CARD) / contrast_on_white(palette(color).dark.accent) >= LEAST_CONTRAST


def test_a_legible_color_stays():
    assert (palette("#1f3a5f").light.accent, palette("#ffee00").dark.accent) == ("#1f3a5f", "#ffee00")
