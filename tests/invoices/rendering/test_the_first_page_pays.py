"""The first page pays: sums, account and code; the next ones explain. docs/rendering.md#pages."""

import io
from dataclasses import replace
from decimal import Decimal

import pytest
import zxingcpp
from PIL import Image

from invoices.rendering.invoice_facts import Branding
from invoices.rendering.page_content import compose
from invoices.rendering.pdf_file import render
from invoices.rendering.seller_texts import text_in
from invoices.tax.reverse_charge import REVERSE_CHARGE
from tests.invoices.rendering.pdf_reader import reader
from tests.invoices.rendering.samples import TIERS, fee, invoice, meter_usage, usage_line

LOOK = Branding(iban="DE02120300000000202051", bic="BYLADEM1001", payment_terms="Pay within 14 days.")
LINES = (fee("249.00", "Platform fee"), usage_line("Transcription", TIERS, "86420", included="5000", unit="minute"))


def pages(facts, usage=()):
    return [" ".join(page.extract_text().split()) for page in reader(render(facts, usage)).pages]


def test_the_first_page_lists_the_lines_and_the_second_one_their_workings():
    first, second = pages(invoice(*LINES, branding=LOOK, summary="A sum in words."), [meter_usage()])
    for text in (
        "A sum in words.",
        "Platform fee",
        "Transcription",
        "see next page",
        "Amount due",
        "Pay by bank transfer",
    ):
        assert text in first
    assert "Billed units 1 to 10,000" not in first
    for text in ("How these amounts are calculated", "Billed units 1 to 10,000", "Usage", "255,300 calls"):
        assert text in second
    assert "Platform fee" not in second, "it needs no workings"


def test_the_lines_of_a_long_invoice_follow_its_sums():
    first, second, *_ = pages(invoice(*(fee("1.00", f"Fee {number}") for number in range(13)), branding=LOOK))
    assert "Amount due" in first
    assert "Fee 0" not in first
    assert "Fee 0" in second


def test_an_invoice_that_needs_no_workings_has_one_page():
    assert len(pages(invoice(fee("99.00"), branding=LOOK))) == 1


def test_a_banking_app_reads_the_transfer_from_the_printed_code():
    (picture,) = reader(render(invoice(fee("99.00"), branding=LOOK))).pages[0].images
    image = Image.open(io.BytesIO(picture.data)).convert("L")
    framed = Image.new("L", (image.width + 80, image.height + 80), 255)
    framed.paste(image, (40, 40))
    (found,) = zxingcpp.read_barcodes(framed)
    assert found.text.split("\n")[6:8] == ["DE02120300000000202051", "EUR117.81"]
    assert found.text.split("\n")[-1] == "INV-000042"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"currency": "USD"}, "not in euros"),
        ({"branding": Branding()}, "without an account"),
        ({"state": "draft", "number": ""}, "a draft has no number to refer to"),
        ({"kind": "credit_note"}, "nothing is due"),
    ],
)
def test_other_documents_have_no_code(fields, why):
    assert compose(invoice(fee("99.00"), **{"branding": LOOK} | fields)).transfer_code == "", why


def test_a_correction_gives_its_reason_at_full_width():
    (text,) = pages(replace(invoice(fee("99.00"), branding=LOOK), kind="credit_note", reason="Outage of May 4"))
    assert text.count("Outage of May 4") == 1
    assert "Pay by bank transfer" not in text


TAX_REASONS = [
    ("de_DE", "Steuerschuldnerschaft des Leistungsempfängers"),
    ("fr_FR", "Autoliquidation"),
    ("es_ES", "Inversión del sujeto pasivo"),
    ("it_IT", "Inversione contabile"),
    ("nl_NL", "Btw verlegd"),
]


@pytest.mark.parametrize(("locale", "words"), TAX_REASONS)
def test_the_reason_for_no_tax_is_in_the_language_of_the_document(locale, words):
    (tax,) = compose(invoice(fee("99.00"), locale=locale, tax_rate="0", tax_reason=REVERSE_CHARGE)).taxes
    assert words in tax.reason


TERMS = "Payable without deduction.\n\n[de]\nZahlbar ohne Abzug.\n[fr]\nPayable sans escompte.\nMerci.\n"

TEXTS = [
    # language  text                                        why
    ("de", TERMS, "Zahlbar ohne Abzug.", "its own part"),
    ("fr", TERMS, "Payable sans escompte.\nMerci.", "the last part, of two lines"),
    ("es", TERMS, "Payable without deduction.", "no part of its own"),
    ("de", "Zahlbar [bis] dann.\n", "Zahlbar [bis] dann.\n", "a text in one language stays as it is"),
    ("fr", "[de]\nNur deutsch.", "", "neither its own nor a general part"),
    ("de", "A\r\n[de]\r\nB\r\n", "B", "as a browser sends it"),
]


@pytest.mark.parametrize(("language", "text", "part", "why"), TEXTS)
def test_a_sellers_text_may_have_a_part_for_each_language(language, text, part, why):
    assert text_in(language, text) == part, why


def test_the_amount_of_the_transfer_is_the_amount_due():
    facts = invoice(fee("99.00"), branding=LOOK)
    assert dict(compose(facts).payment)["Amount"] == "€117.81"
    assert facts.due == Decimal("117.81")
