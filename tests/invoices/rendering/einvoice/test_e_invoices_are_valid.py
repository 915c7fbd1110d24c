"""Every kind of invoice and credit note, in both syntaxes, is valid by its schema and all rules of EN 16931."""

from dataclasses import replace
from decimal import Decimal

import pytest

from invoices.rendering.einvoice.categories import find_category
from invoices.rendering.einvoice.conversion import to_einvoice
from invoices.rendering.einvoice.xml_writer import to_cii, to_ubl
from lib.money import round_money
from tests.docs_tables import rows
from tests.invoices.rendering.einvoice.sample_invoices import AMERICAN, DOCUMENTS, GERMAN, LATE, SWISS, document
from tests.invoices.rendering.einvoice.standard_rules import errors_of, kind_of
from tests.invoices.rendering.samples import BUYER, SELLER, every_model, fee

SYNTAXES = {"CII": to_cii, "UBL": to_ubl}


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_rule_fails(name: str, syntax: str):
    facts, _ = DOCUMENTS[name]
    assert errors_of(SYNTAXES[syntax](to_einvoice(facts))) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_tax_has_its_category(name: str):
    facts, categories = DOCUMENTS[name]
    assert " ".join(tax.category.code for tax in to_einvoice(facts).taxes) == categories


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_have_the_amount_of_price_times_quantity(name: str):
    facts, _ = DOCUMENTS[name]
    einvoice = to_einvoice(facts)
    for item in einvoice.lines:
        exact = item.quantity * item.price / item.base_quantity
        assert (round_money(exact, einvoice.currency), item.price >= 0) == (item.amount, True), item.name
    assert einvoice.line_total - einvoice.allowance_total == einvoice.net
    assert einvoice.total - einvoice.prepaid == einvoice.due


BROKEN = [
    # in place of                       this                                 breaks
    (b">593.81</ram:GrandTotalAmount>", b">593.82</ram:GrandTotalAmount>", "BR-CO-15"),
    (b">94.81<", b">99.81<", "BR-CO-17"),
    (b'"VA">DE136695976', b'"VA">136695976', "BR-CO-09"),
    (b"<ram:TypeCode>380<", b"<ram:TypeCode>999<", "is not allowed"),
]


@pytest.mark.parametrize(("before", "after", "rule"), BROKEN)
def test_the_validator_finds_errors(before: bytes, after: bytes, rule: str):
    xml = to_cii(to_einvoice(document(fee("499.00"))))
    assert before in xml
    assert any(rule in error for error in errors_of(xml.replace(before, after)))


def test_a_credit_note_has_its_own_type_and_names_its_invoice():
    facts, _ = DOCUMENTS["a credit note"]
    xml = to_ubl(to_einvoice(facts))
    assert kind_of(xml) == "CreditNote"
    for element in (b">381<", b"<cbc:ID>INV-000042</cbc:ID><cbc:IssueDate>2026-11-01</cbc:IssueDate>"):
        assert element in xml


def test_equal_facts_give_equal_xml():
    for facts, _ in DOCUMENTS.values():
        for syntax in SYNTAXES.values():
            assert syntax(to_einvoice(facts)) == syntax(to_einvoice(facts))


def test_a_coupon_is_an_allowance():
    facts, _ = DOCUMENTS["a coupon"]
    einvoice = to_einvoice(facts)
    assert [(allowance.amount, allowance.category.rate) for allowance in einvoice.allowances] == [
        (Decimal("1.90"), Decimal(19))
    ]
    assert len(einvoice.lines) == 1


LINES = {
    "48,213,977 tokens at 0.0000025": DOCUMENTS["a tiny price"],
    "1,250,000 calls in tiers": (document(every_model()[1]), "S"),
    "a fee": DOCUMENTS["plain"],
    "300 calls too many, credited": (document(replace(LATE, amount=Decimal("-3.63"), quantity=Decimal(-300))), "S"),
}


@pytest.mark.parametrize("row", rows("e-invoices.md", "Lines"), ids=lambda row: row["line"])
def test_prices_are_those_of_the_docs(row: dict[str, str]):
    (item,) = to_einvoice(LINES[row["line"]][0]).lines
    figures = [Decimal(row[name]) for name in ("quantity", "price", "per", "amount")]
    assert [item.quantity, item.price, item.base_quantity, item.amount] == figures


SELLERS = {
    "any": SELLER,
    "EU": SELLER,
    "EU with VAT id": SELLER,
    "outside the EU, no VAT id": AMERICAN,
    "outside the EU, with VAT id": replace(SELLER, country="NO", tax_number="NO974760673MVA"),
}
BUYERS = {"any": BUYER, "same country": GERMAN, "another EU country, with VAT id": BUYER, "outside the EU": SWISS}


@pytest.mark.parametrize("row", rows("e-invoices.md", "Categories"), ids=lambda row: " ".join(row.values()))
def test_categories_are_those_of_the_docs(row: dict[str, str]):
    reason = "Exempt" if row["reason"] in ("given", "any") else ""
    rate = "19" if row["rate"] == "above 0" else "0"
    parties = {"seller": SELLERS[row["seller"]], "buyer": BUYERS[row["buyer"]]}
    facts = document(fee("9"), rates=[rate], tax_reason=reason, **parties)
    (category,) = (find_category(tax, facts) for tax in facts.taxes)
    assert (category.code, category.reason_code) == (row["category"], row["reason code"])
