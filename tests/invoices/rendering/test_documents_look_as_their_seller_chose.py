"""Logo, colors, account, terms and notes of the seller stand on each document; what is off stays off."""

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


SAID = """
Company number HRB 99999 B
Payable without deduction. Interest is due from the day after.
Account holder Tollbook Treuhand | IBAN DE02 1203 0000 0000 2020 51 | BIC BYLADEM1001 | Reference INV-000042
Project 7. Thank you for your business.
Total €22.61 Paid from balance -€2.61 Paid -€5.00 Amount due €15.00 | €15.00 due 15 November 2026
Statement: Credits 1–31 Oct 2026 Movement Amount Opening balance 1,000 credits Used: API calls -400 credits
Rolled over 20 credits, which stays in the wallet 0 credits Closing balance 600 credits
"""


@pytest.mark.parametrize("said", [one.strip() for row in SAID.strip().split("\n") for one in row.split("|")])
def test_it_says_what_the_seller_entered(printed: bytes, said: str):
    assert said in text_of(printed)


def test_the_logo_is_printed_in_place_of_the_name_and_says_it(printed: bytes):
    (first, *_) = reader(printed).pages
    assert len(first.images) == 1
    assert "Tollbook Demo GmbH" in first.extract_text(), "as whom the invoice is from"
    plain = render(facts(branding=replace(LOOK, logo=b"")))
    assert len(reader(plain).pages[0].images) == 0
    counts = [text_of(one).count("Tollbook Demo GmbH") for one in (printed, plain)]
    assert counts[1] == counts[0] + 1 - (len(reader(printed).pages) - len(reader(plain).pages))


def test_the_same_facts_give_the_same_bytes_with_logo_and_data():
    assert render(facts(), [meter_usage()], [STATEMENT]) == render(facts(), [meter_usage()], [STATEMENT])


def test_a_credit_note_asks_for_no_payment():
    note = compose(replace(facts(), kind="credit_note", reason="Wrong"))
    assert (note.terms, note.payment, note.notes) == ("", (), "Thank you for your business.")


def test_what_was_settled_leaves_nothing_to_pay():
    document = compose(facts(settled=(SettledAmount("balance", D("22.61")),)))
    assert (document.headline, document.total, document.amount_due) == ("Nothing to pay", "€22.61", "€0.00")


PAPERS = [
    # chosen    country  paper     why
    ("", "DE", "a4", "what is usual there"),
    ("", "US", "letter", "what is usual there"),
    ("a4", "US", "a4", "chosen"),
    ("letter", "DE", "letter", "chosen"),
]


@pytest.mark.parametrize(("chosen", "country", "paper", "why"), PAPERS)
def test_paper_is_chosen_or_usual(chosen: str, country: str, paper: str, why: str):
    of_country = facts(branding=replace(LOOK, paper=chosen), seller=replace(facts().seller, country=country))
    assert compose(of_country).paper == paper, why


@pytest.mark.parametrize("color", ["", "red", "#12345", "#12345g", "#123456;x"])
def test_a_color_that_is_none_is_left_out(color: str):
    assert compose(facts(branding=replace(LOOK, accent_color=color))).accent == ""
    assert compose(facts(brand_color=color)).color == "#1f3a5f"


def tags(printed: bytes) -> list[tuple[str, str]]:
    """Return the structure elements of a file in order, each with its alternative text."""
    found: list[tuple[str, str]] = []

    def walk(element: Any) -> None:
        element = element.get_object() if hasattr(element, "get_object") else element
        if isinstance(element, list):
            for one in element:
                walk(one)
        elif isinstance(element, dict):
            if "/S" in element:
                found.append((element["/S"], str(element.get("/Alt", ""))))
            walk(element.get("/K", []))

    walk(reader(printed).trailer["/Root"]["/StructTreeRoot"])
    return found


def test_readers_are_told_headings_tables_and_pictures(printed: bytes):
    found = tags(printed)
    kinds = {kind for kind, _ in found}
    assert {"/H1", "/H2", "/Table", "/TR", "/TH", "/TD", "/Figure"} <= kinds
    figures = [text for kind, text in found if kind == "/Figure"]
    assert "Tollbook Demo GmbH" in figures
    assert any("API calls" in text for text in figures), "the chart tells what it shows"
