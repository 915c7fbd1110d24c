"""The ECB's files are read in each of their forms; a refusal says where."""

import io
import zipfile
from datetime import date
from decimal import Decimal as D

import pytest

from customers.exchange_rates.ecb_file import PublishedRate, RatesRefused, read_ecb_file

RATES = [
    PublishedRate(date(2026, 1, 30), "USD", D("1.0811")),
    PublishedRate(date(2026, 1, 30), "JPY", D("163.45")),
]
HISTORY = b"Date,USD,JPY,RUB,\n2026-01-30,1.0811,163.45,N/A,\n"
DAILY = b"Date, USD, JPY, \n30 January 2026, 1.0811, 163.45, \n"
XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
    xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <Cube><Cube time="2026-01-30"><Cube currency="USD" rate="1.0811"/><Cube currency="JPY" rate="163.45"/></Cube></Cube>
</gesmes:Envelope>"""


def zipped(*contents: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.csv", content)
    return file.getvalue()


@pytest.mark.parametrize(
    "content", [HISTORY, b"\xef\xbb\xbf" + DAILY, XML, zipped(HISTORY)], ids=["csv", "daily", "xml", "zip"]
)
def test_each_form_has_the_same_rates(content):
    assert read_ecb_file(content) == RATES


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "first column"),
        (b"Date,USD\n", "no rates"),
        (b"Day,USD\n2026-01-30,1\n", "first column"),
        (b"Date,USD\n30.01.2026,1\n", "row 2"),
        (b"Date,USD\n2026-01-30,0\n", "above zero"),
        (b"Date,USD\n2026-01-30,-1\n", "above zero"),
        (b"Date,USD\n2026-01-30,NaN\n", "above zero"),
        (b"Date,USD\n2026-01-30,1,1\n2026-01-31,x\n", "row 3, USD"),
        (b"Date,Dollar\n2026-01-30,1\n", "three letters"),
        (b"Date,USD\n\xff\n", "UTF-8"),
        (b"<Cube", "not valid XML"),
        (XML.replace(b"2026-01-30", b"yesterday"), "yesterday"),
        (zipped(HISTORY, HISTORY), "one file"),
        (zipped(HISTORY)[:60], "can't be read"),
    ],
    # A zipped file contains its time, and all workers must give a test the same name.
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_refusal_says_where(content, text):
    with pytest.raises(RatesRefused, match=text):
        read_ecb_file(content)


def test_entities_of_an_xml_file_are_not_expanded():
    entity = XML.replace(b"<gesmes:Envelope", b'<!DOCTYPE x [<!ENTITY r "9.99">]><gesmes:Envelope', 1)
    with pytest.raises(RatesRefused):
        read_ecb_file(entity.replace(b'"1.0811"', b'"&undefined;"'))
