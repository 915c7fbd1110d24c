"""Each invoice shows its seller's logo, colors, bank account, terms and notes, and omits disabled parts."""

from dataclasses import replace
from typing import Any

import pytest

from customers.brand.logos import read_logo
from invoices.rendering.invoice_facts import Branding, InvoiceFacts, SettledAmount
from invoices.rendering.page_content import compose
from invoices.rendering.pdf_file import render
from invoices.rendering.wallet_facts import WalletRow, WalletStatement
from tests.customers.pictures import picture
from tests.invoices.rendering.pdf_reader import reader, text_of
from tests.invoices.rendering.samples import D, fee, invoice, meter_usage

LOGO = read_logo(picture("PNG", mode="RGBA")).content
LOOK = Branding(
    company_number="HRB 99999 B",
    logo=LOGO,
    accent_color="#7a1f3d",
    account_holder="Tollbook Treuhand",
    iban="DE02120300000000202051",
    bic="BYLADEM1001",
    payment_terms="Payable without deduction.\nInterest is due from the day after.",
    notes="Thank you for your business.",
    e_invoices="always",
)
STATEMENT = WalletStatement(
    "Statement: Credits",
    "1–31 Oct 2026",
    ("Movement", "Amount"),
    (
        WalletRow("Opening balance", "1,000 credits", is_sum=True),
        WalletRow("Used: API calls", "-400 credits"),
        WalletRow("Rolled over", "0 credits", "20 credits, which stays in the wallet"),
        WalletRow("Closing balance", "600 credits", is_sum=True),
    ),
)


def facts(**fields: Any) -> InvoiceFacts:
    return invoice(fee("19.00"), **{"branding": LOOK, "note": "Project 7.", **fields})


@pytest.fixture(scope="module")
def printed() -> bytes:
    return render(
        facts(settled=(SettledAmount("balance", D("2.61")), SettledAmount("paid", D(5)))),
        [meter_usage()],
        [STATEMENT],
    )


PRINTED_TEXTS = """
Company number HRB 99999 B
Payable without deduction. Interest is due from the day after.
Account holder Tollbook Treuhand | IBAN DE02 1203 0000 0000 2020 51 | BIC BYLADEM1001 | Reference INV-000042
Project 7. Thank you for your business.
Total €22.61 Paid from balance -€2.61 Paid -€5.00 Amount due €15.00 | €15.00 due 15 November 2026
Statement: Credits 1–31 Oct 2026 Movement Amount Opening balance 1,000 credits Used: API calls -400 credits
Rolled over 20 credits, which stays in the wallet 0 credits Closing balance 600 credits
"""


@pytest.mark.parametrize(
    "text", [text.strip() for row in PRINTED_TEXTS.strip().split("\n") for text in row.split("|")]
)
def test_it_has_the_facts_of_the_seller(printed: bytes, text: str):
    assert text in text_of(printed)


def test_the_logo_replaces_the_name_and_has_it_as_alternative_text(printed: bytes):
    (first, *_) = reader(printed).pages
    assert len(first.images) == 2, "the logo and the code of the transfer"
    assert "Tollbook Demo GmbH" in first.extract_text(), "as whom the invoice is from"
    plain = render(facts(branding=replace(LOOK, logo=b"")))
    assert len(reader(plain).pages[0].images) == 1
    counts = [text_of(content).count("Tollbook Demo GmbH") for content in (printed, plain)]
    assert counts[1] == counts[0] + 1 - (len(reader(printed).pages) - len(reader(plain).pages))


def test_the_same_facts_give_the_same_bytes_with_logo_and_data():
    assert render(facts(), [meter_usage()], [STATEMENT]) == render(facts(), [meter_usage()], [STATEMENT])


def test_a_credit_note_asks_for_no_payment():
    page = compose(replace(facts(), kind="credit_note", reason="Wrong"))
    assert (page.terms, page.payment, page.notes) == ("", (), "Thank you for your business.")


def test_a_settled_invoice_has_no_amount_due():
    page = compose(facts(settled=(SettledAmount("balance", D("22.61")),)))
    assert (page.headline, page.total, page.amount_due) == ("Nothing to pay", "€22.61", "€0.00")


PAPERS = [
    # chosen    country  paper     why
    ("", "DE", "a4", "what is usual there"),
    ("", "US", "letter", "what is usual there"),
    ("a4", "US", "a4", "chosen"),
    ("letter", "DE", "letter", "chosen"),
]


@pytest.mark.parametrize(("chosen", "country", "paper", "why"), PAPERS)
def test_the_paper_size_is_chosen_or_by_country(chosen: str, country: str, paper: str, why: str):
    of_country = facts(branding=replace(LOOK, paper=chosen), seller=replace(facts().seller, country=country))
    assert compose(of_country).paper == paper, why


@pytest.mark.parametrize("color", ["", "red", "#12345", "#12345g", "#123456;x"])
def test_an_invalid_color_is_ignored(color: str):
    assert compose(facts(branding=replace(LOOK, accent_color=color))).accent == ""
    assert compose(facts(brand_color=color)).color == "#1f3a5f"


def tags(printed: bytes) -> list[tuple[str, str]]:
    """Return the structure elements of a file in order, each with its alternative text."""
    elements: list[tuple[str, str]] = []

    def walk(element: Any) -> None:
        element = element.get_object() if hasattr(element, "get_object") else element
        if isinstance(element, list):
            for child in element:
                walk(child)
        elif isinstance(element, dict):
            if "/S" in element:
                elements.append((element["/S"], str(element.get("/Alt", ""))))
            walk(element.get("/K", []))

    walk(reader(printed).trailer["/Root"]["/StructTreeRoot"])
    return elements


def test_the_file_has_tags_for_headings_tables_and_pictures(printed: bytes):
    elements = tags(printed)
    kinds = {kind for kind, _ in elements}
    assert {"/H1", "/H2", "/Table", "/TR", "/TH", "/TD", "/Figure"} <= kinds
    figures = [text for kind, text in elements if kind == "/Figure"]
    assert "Tollbook Demo GmbH" in figures
    assert any("API calls" in text for text in figures), "the chart has a description"
