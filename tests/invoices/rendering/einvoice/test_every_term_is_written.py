"""Each term of an invoice is in its XML, in both syntaxes: the rules of the standard don't miss optional ones."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from invoices.rendering.einvoice.conversion import to_einvoice
from invoices.rendering.einvoice.xml_writer import to_cii, to_ubl
from lib.decimals import to_plain_string
from tests.invoices.rendering.einvoice.sample_invoices import DOCUMENTS

NOT_TERMS = {
    "seller.party.tax_number": "as entered; the VAT id or tax id is made from it",
    "buyer.party.tax_number": "as entered; the VAT id is made from it",
    "lines.category.reason": "is given once for the tax",
    "lines.category.reason_code": "is given once for the tax",
}


def terms_of(value: Any, *path: str) -> Iterator[Any]:
    if is_dataclass(value):
        for field in fields(value):
            yield from terms_of(getattr(value, field.name), *path, field.name)
    elif isinstance(value, tuple):
        for element in value:
            yield from terms_of(element, *path)
    elif value and ".".join(path) not in NOT_TERMS:  # nothing prepaid and nothing taken off are left out
        yield value


def spellings(term: Any) -> frozenset[str]:
    if isinstance(term, Decimal):
        return frozenset([to_plain_string(term), f"{term:.2f}"])
    if isinstance(term, date):
        return frozenset([f"{term:%Y-%m-%d}", f"{term:%Y%m%d}"])
    return frozenset([str(term)])


def texts_of(xml: bytes) -> Iterator[str]:
    for element in etree.fromstring(xml).iter():
        yield element.text
        yield from element.attrib.values()


@pytest.mark.parametrize("write", [to_cii, to_ubl])
@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "hostile text"])
def test_each_term_is_written_as_often_as_it_occurs(name: str, write):
    einvoice = to_einvoice(DOCUMENTS[name][0])
    written = Counter(texts_of(write(einvoice)))
    terms = Counter(spellings(term) for term in terms_of(einvoice))
    assert [set(texts) for texts, count in terms.items() if sum(written[text] for text in texts) < count] == []
