"""Every fact of an invoice is in its file, and the file conforms to the archive standard."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from time import process_time

import pytest
from django.utils import translation

from invoices.rendering.pdf_file import render
from invoices.rendering.usage_facts import DimensionUsage
from plans.pricing.charge_models import PerUnit
from tests.invoices.rendering.pdf_reader import reader, text_of
from tests.invoices.rendering.samples import BUYER, SELLER, every_model, fee, invoice, meter_usage, usage_line

D = Decimal


@pytest.fixture(scope="module")
def everything() -> bytes:
    usage = [
        meter_usage(unmatched=D(120)),
        meter_usage("Tokens", "token", dimensions=(DimensionUsage("model", (("gpt-4o", D(7)),), 4, D(35)),)),
    ]
    return render(invoice(*every_model(), purchase_order="PO-7", note="Thank you."), usage)


PRINTED_TEXTS = """
INV-000042 | 1 November 2026 | 15 November 2026 | 1–31 Oct 2026 | PO-7
Tollbook Demo GmbH | Torstraße 140 | 10119 Berlin | Germany | VAT ID DE136695976
Northwind Analytics Ltd | 22 Harbour Street | Floor 3 | Dublin | D02 X285 | Ireland | VAT ID IE6388047V
€8,250.14 due 15 November 2026
Scale plan, base fee | 1–30 Nov 2026 | €499.00
1,250,000 call | €6,065.00
50,000 free €0.00
Billed units 1 to 10,000 10,000 €12.00 per 1,000 €120.00
Billed units 10,001 to 100,000 90,000 €8.00 per 1,000 €720.00
Billed units 100,001 to 1,000,000 900,000 €5.00 per 1,000 €4,500.00
€3.50 per 1,000 + flat fee €25.00 €725.00
48,213,977 token | €2.50 per 1,000,000 | Exact sum €120.5349425, rounded to €120.53
Beyond the allowance 712.375 €0.023 €16.384625
All units, at the price of 5,001 to 50,000 17,211 €7.50 per 1,000 €129.0825
Packages of 1,000 13 €0.90 €11.70
Rejected above the hard cap 20 not charged €0.00
Subtotal €6,932.89 | VAT 19% on €6,932.89 €1,317.25 | Total €8,250.14 | Amount due €8,250.14
IBAN DE02 1203 0000 0000 2020 51 | Thank you. | Managing director: Ada Beispiel
Page 1 of 3 | Page 3 of 3 | INV-000042 · €8,250.14
255,300 call | eu-west-1 155,733 | (none) 7,659 | gpt-4o 7 | 4 others 35
120 of these units arrived after the invoice was issued and are not billed on it.
"""


@pytest.mark.parametrize(
    "text", [text.strip() for row in PRINTED_TEXTS.strip().split("\n") for text in row.split("|")]
)
def test_every_figure_and_fact_is_in_the_text(everything, text):
    assert text in text_of(everything)


def test_equal_facts_give_equal_bytes_in_any_request_language(everything):
    facts, usage = invoice(*every_model()), [meter_usage()]
    first = render(facts, usage)
    with translation.override("de"):
        assert render(facts, usage) == first
    assert render(replace(facts, dated_at=facts.dated_at + timedelta(seconds=1)), usage) != first


def test_the_file_is_a_tagged_archive_with_its_fonts(everything):
    pdf = reader(everything)
    catalog = pdf.trailer["/Root"]
    metadata = pdf.metadata
    xmp = catalog["/Metadata"].get_data().decode()
    assert catalog["/Lang"] == "en-IE"
    assert catalog["/MarkInfo"]["/Marked"] is True or catalog["/MarkInfo"]["/Marked"].value
    assert "/StructTreeRoot" in catalog
    assert 'part="3"' in xmp
    assert 'conformance="A"' in xmp
    assert metadata.title == "Invoice INV-000042"
    assert metadata.author == "Tollbook Demo GmbH"
    assert metadata.creation_date.isoformat() == "2026-11-01T01:00:00+00:00"
    fonts = [font.get_object() for page in pdf.pages for font in page["/Resources"]["/Font"].values()]
    assert fonts
    for font in fonts:
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor), f"{font['/BaseFont']} is not embedded"


def test_the_invoice_is_in_the_customers_language():
    printed_text = text_of(render(invoice(fee("1499.00"), locale="de_DE", tax_rate="19")))
    for text in ("Rechnung", "15. November 2026", "1.783,81 € zahlbar bis", "Seite 1 von 1", "USt-IdNr. IE6388047V"):
        assert text in printed_text


def test_yen_have_no_decimal_places():
    line = usage_line("API calls", PerUnit(D("0.03")), "1234567", currency="JPY")
    printed_text = text_of(render(invoice(fee("54800"), line, currency="JPY", tax_rate="10", locale="ja_JP")))
    assert "JP¥101,021 due" in printed_text
    assert "JP¥54,800 " in printed_text


def test_the_reason_for_no_tax_is_printed():
    reason = "Reverse charge: VAT is due by the recipient, art. 196 Directive 2006/112/EC"
    assert reason in text_of(render(invoice(fee("499.00"), tax_rate="0", tax_reason=reason)))


def test_the_paper_size_is_the_sellers():
    american = invoice(fee("19.00"), seller=replace(SELLER, country="US"))
    assert [round(reader(render(facts)).pages[0].mediabox.height) for facts in (invoice(fee("19.00")), american)] == [
        842,
        792,
    ]


MARKS = [
    ({"state": "draft", "number": "", "issue_date": None, "due_date": None}, "Draft"),
    ({"state": "void"}, "Void"),
    ({"sandbox": True}, "Sandbox"),
    ({"sandbox": True, "state": "void"}, "Void · Sandbox"),
]


@pytest.mark.parametrize(("fields", "mark"), MARKS)
def test_drafts_and_sandbox_invoices_are_marked_on_every_page(fields, mark):
    lines = [fee("1.00", f"Fee {number}") for number in range(24)]
    marked, plain = (reader(render(invoice(*lines, **more))) for more in (fields, {}))
    assert len(marked.pages) > 1
    for page in marked.pages:
        assert mark in " ".join(page.extract_text().split())
    for page in plain.pages:
        assert mark not in " ".join(page.extract_text().split())


def test_totals_stay_with_a_line_for_any_number_of_lines():
    on_the_first_page = []
    for count in range(6, 13):
        pages = reader(render(invoice(*(fee("1.00", f"Fee {number}") for number in range(count))))).pages
        texts = [page.extract_text() for page in pages]
        (at,) = [place for place, text in enumerate(texts) if "Amount due" in text]
        assert f"Fee {count - 1}" in texts[at]
        on_the_first_page.append(at == 0)
    assert len(set(on_the_first_page)) == 2, "one of these fills the first page but for the sums"


def test_any_length_of_text_stays_on_the_page():
    name = "Gesellschaft für lange Namen " * 6
    facts = invoice(
        *(fee("99999999.99", "x" * 290), usage_line("y", PerUnit(D("0.000000000001")), "9" * 20 + "." + "9" * 20)),
        buyer=replace(BUYER, legal_name=name, address_line1="A" * 180),
        seller=replace(SELLER, legal_name=name),
        note="word " * 2_000,
    )
    printed_text = text_of(render(facts)).replace(" ", "")
    for text in ("x" * 290, "A" * 180, "99,999,999,999,999,999,999." + "9" * 20):
        assert text in printed_text
    assert printed_text.count("word") == 2_000


def test_long_texts_take_little_time():
    """With sizing by content, a name of one long word once took minutes."""
    word = "".join(f"<a-long/word-{number}>" for number in range(60))
    long = invoice(
        fee("19.00", word),
        buyer=replace(BUYER, legal_name=word, email=word),
        seller=replace(SELLER, legal_name=word),
        number=word,
        purchase_order=word,
        tax_reason=word,
        note=word,
    )
    usage = meter_usage(word, word, dimensions=(DimensionUsage(word, ((word, D(1)),)),))
    render(invoice(fee("19.00")))
    began = process_time()
    render(long, [usage])
    assert process_time() - began < 10
