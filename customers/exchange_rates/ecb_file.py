"""Read the reference rates of the European Central Bank: CSV, CSV in a zip archive, and XML."""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from lxml import etree

# The history since 1999 is about 8 MB as XML; an archive may not expand beyond that by much.
MAX_BYTES = 32 * 1024 * 1024
MISSING = ("", "N/A")
_DAY_FORMATS = ("%Y-%m-%d", "%d %B %Y")


class RatesRefused(ValueError):
    """The file can't be read as rates; the text says where and why."""


class PublishedRate(NamedTuple):
    """A rate of the file. rate: units per euro."""

    day: date
    currency: str
    rate: Decimal


def read_ecb_file(content: bytes) -> list[PublishedRate]:
    """
    Return the rates of a file, and detect its form from the content.

    :raises RatesRefused: if a day or a rate is not valid, or it has no rates.
    """
    if len(content) > MAX_BYTES:
        raise RatesRefused(f"The file is larger than {MAX_BYTES:,} bytes.")
    if content.startswith(b"PK\x03\x04"):
        content = _unzip(content)
    is_xml = content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    rates = list(_read_xml(content) if is_xml else _read_csv(content))
    if not rates:
        raise RatesRefused("The file has no rates. Choose eurofxref.csv, its archive, or the XML of the ECB.")
    return rates


def _unzip(content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1 or members[0].file_size > MAX_BYTES:
                raise RatesRefused(f"The archive must contain one file of at most {MAX_BYTES:,} bytes.")
            with archive.open(members[0]) as file:
                return file.read(MAX_BYTES)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise RatesRefused(f"The archive can't be read: {error}") from error


def _read_csv(content: bytes) -> Iterator[PublishedRate]:
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig")))
        header = [cell.strip() for cell in next(rows, [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RatesRefused(f"The file is not CSV in UTF-8: {error}") from error
    if not header or header[0] != "Date":
        raise RatesRefused("The first column must be “Date”, followed by a column for each currency.")
    for number, row in enumerate(rows, start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        day = _parse_day(cells[0], f"row {number}")
        for currency, text in zip(header[1:], cells[1:], strict=False):
            if currency and text not in MISSING:
                yield PublishedRate(day, _check_currency(currency), _parse_rate(text, f"row {number}, {currency}"))


def _read_xml(content: bytes) -> Iterator[PublishedRate]:
    # No entities, no network: the file may come from an upload.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise RatesRefused(f"The file is not valid XML: {error}") from error
    for cube in root.iterfind(".//{*}Cube[@time]"):
        day = _parse_day(str(cube.get("time")), "attribute time")
        for entry in cube.iterfind("{*}Cube"):
            currency, text = str(entry.get("currency", "")), str(entry.get("rate", ""))
            where = f"{day:%Y-%m-%d}, {currency}"
            yield PublishedRate(day, _check_currency(currency), _parse_rate(text, where))


def _parse_day(text: str, where: str) -> date:
    for day_format in _DAY_FORMATS:
        try:
            return datetime.strptime(text, day_format).date()  # noqa: DTZ007, a day has no time zone
        except ValueError:
            continue
    raise RatesRefused(f"{where}: “{text[:40]}” is not a day such as 2026-01-31.")


def _check_currency(code: str) -> str:
    if len(code) != 3 or not (code.isascii() and code.isalpha() and code.isupper()):
        raise RatesRefused(f"“{code[:40]}” is not a currency's code of three letters.")
    return code


def _parse_rate(text: str, where: str) -> Decimal:
    try:
        rate = Decimal(text)
    except InvalidOperation as error:
        raise RatesRefused(f"{where}: “{text[:40]}” is not a rate such as 1.0811.") from error
    if not rate.is_finite() or rate <= 0:
        raise RatesRefused(f"{where}: the rate {text[:40]} is not above zero.")
    return rate
