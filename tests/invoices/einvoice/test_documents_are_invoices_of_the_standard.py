"""Every kind of document, in both syntaxes, keeps its schema and all rules of EN 16931."""

from decimal import Decimal

import pytest

from invoices.einvoice.cii import to_cii
from invoices.einvoice.shaping import shape
from invoices.einvoice.ubl import to_ubl
from plans.pricing.money import round_money
from tests.invoices.einvoice.documents import DOCUMENTS, document
from tests.invoices.einvoice.validating import errors_of, kind_of
from tests.invoices.rendering.samples import fee

SYNTAXES = {"CII": to_cii, "UBL": to_ubl}


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_rule_fails(name: str, syntax: str):
    facts, _ = DOCUMENTS[name]
    assert errors_of(SYNTAXES[syntax](shape(facts))) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_tax_is_of_its_category(name: str):
    facts, categories = DOCUMENTS[name]
    assert " ".join(one.category.code for one in shape(facts).taxes) == categories


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_come_to_their_amounts(name: str):
    facts, _ = DOCUMENTS[name]
    told = shape(facts)
    for item in told.items:
        exact = item.quantity * item.price / item.base
        assert (round_money(exact, told.currency), item.price >= 0) == (item.amount, True), item.name
    assert told.lines - told.taken_off == told.net
    assert told.total - told.settled == told.due


BROKEN = [
    # in place of                       this                                 breaks
    (b">593.81</ram:GrandTotalAmount>", b">593.82</ram:GrandTotalAmount>", "BR-CO-15"),
    (b">94.81<", b">99.81<", "BR-CO-17"),
    (b'"VA">DE136695976', b'"VA">136695976', "BR-CO-09"),
    (b"<ram:TypeCode>380<", b"<ram:TypeCode>999<", "is not allowed"),
]


@pytest.mark.parametrize(("before", "after", "rule"), BROKEN)
def test_the_validator_finds_what_is_wrong(before: bytes, after: bytes, rule: str):
    xml = to_cii(shape(document(fee("499.00"))))
    assert before in xml
    assert any(rule in error for error in errors_of(xml.replace(before, after)))


def test_a_credit_note_is_of_its_own_kind_and_names_its_invoice():
    facts, _ = DOCUMENTS["a credit note"]
    xml = to_ubl(shape(facts))
    assert kind_of(xml) == "CreditNote"
    for told in (b">381<", b"<cbc:ID>INV-000042</cbc:ID><cbc:IssueDate>2026-11-01</cbc:IssueDate>"):
        assert told in xml


def test_equal_facts_give_equal_xml():
    for facts, _ in DOCUMENTS.values():
        for syntax in SYNTAXES.values():
            assert syntax(shape(facts)) == syntax(shape(facts))


def test_a_coupon_is_taken_off_the_document():
    facts, _ = DOCUMENTS["a coupon"]
    told = shape(facts)
    assert [(one.amount, one.category.rate) for one in told.allowances] == [(Decimal("1.90"), Decimal(19))]
    assert len(told.items) == 1


PRICES = [
    # name           quantity   price   for
    ("a tiny price", "48213977", "2.5", "1000000"),
    ("plain", "1", "499.00", "1"),
    ("a credit note", "400", "0.1", "1"),
]


@pytest.mark.parametrize(("name", "quantity", "price", "base"), PRICES)
def test_a_price_is_told_for_as_many_units_as_make_it_legible(name: str, quantity: str, price: str, base: str):
    facts, _ = DOCUMENTS[name]
    (item,) = shape(facts).items
    assert (item.quantity, item.price, item.base) == (Decimal(quantity), Decimal(price), Decimal(base))
