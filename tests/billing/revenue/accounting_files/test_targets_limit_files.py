"""Each target's limits: lines of a file, lengths, encodings, numbers of accounts, currencies."""

import csv
import io
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from billing.revenue.accounting_files.formats.datev import COLUMNS, fiscal_year_start
from billing.revenue.accounting_files.formats.journal import LedgerAccount, UnwritableFile
from billing.revenue.accounting_files.formats.targets import WRITERS
from billing.revenue.accounting_files.formats.texts import encodable
from tests.billing.revenue.accounting_files.entry_samples import RECEIVABLE, REVENUE, make_book, make_entry, write
from tests.billing.revenue.accounting_files.file_readers import READERS

TAXED = [account._replace(tax_key="Tax Exempt") for account in (RECEIVABLE, REVENUE)]


def test_xero_takes_300_lines_a_file_and_no_journal_spans_two():
    entries = [make_entry(number, (TAXED[0], "10"), (TAXED[1], "-10")) for number in range(1, 301)]
    files = write("xero", entries)
    assert list(files) == ["TB-2026-01-001.csv", "TB-2026-01-001-2.csv", "TB-2026-01-001-3.csv"]
    assert [content.count(b"\r\n") for content in files.values()] == [299, 299, 5]
    assert READERS["xero"](files) == {"1200": D(3_000), "4400": D(-3_000)}


def test_xero_gets_a_long_journal_as_balanced_parts_with_numbered_narrations():
    accounts = [
        LedgerAccount(f"{4_000 + number}", f"Account {number}", tax_key="Tax Exempt") for number in range(400)
    ]
    entry = make_entry(1, (TAXED[0], "400"), *((account, "-1") for account in accounts), narration="Usage")
    files = write("xero", [entry])
    narrations = [row[0] for content in files.values() for row in _cells(content)]
    assert dict.fromkeys(narrations) == dict.fromkeys(
        ["TB-2026-01-001-1 Usage (1 of 2)", "TB-2026-01-001-2 Usage (2 of 2)"]
    )
    assert READERS["xero"](files)["1200"] == D(400)


def test_datev_takes_99_997_rows_a_file():
    entries = [make_entry(number, (RECEIVABLE, "10"), (REVENUE, "-10")) for number in range(1, 50_000)]
    lines = [(RECEIVABLE, "10"), *[(LedgerAccount(f"{number}", ""), "-1") for number in range(5_000, 5_010)]]
    files = write("datev", [*entries, *(make_entry(number, *lines) for number in range(50_000, 55_005))])
    rows = [content.count(b"\r\n") - 2 for content in files.values()]
    assert sum(rows) == 49_999 + 10 * 5_005
    assert rows == [99_989, 60], "ten rows more would have been too many"
    assert READERS["datev"](files)["1200"] == D(10) * 55_004


def test_datev_names_its_columns_and_its_client():
    (content,) = write("datev", [make_entry(1, (RECEIVABLE, "1190.5"), (REVENUE, "-1190.5"))]).values()
    header, columns, row, _ = content.decode("cp1252").split("\r\n")
    assert header == (
        '"EXTF";700;21;"Buchungsstapel";13;20260203040506789;;"RE";"";"";1001;1;20260101;4;20260101;20260131;'
        '"Tollbook 2026-01";"";1;0;0;"EUR";;"";;;"03";;;"";""'
    )
    assert len(COLUMNS) == 125
    assert columns.split(";")[113:115] == ['"Festschreibung"', '"Leistungsdatum"']
    assert row.startswith('1190,50;"S";"EUR";;;;1200;4400;;3101;"TB-2026-01-001";;;"Receivables to revenue";')


def test_datev_converts_a_foreign_currency_by_the_given_rate():
    book = make_book(currency="USD", exchange_rate=D("1.0845"))
    (content,) = write("datev", [make_entry(1, (RECEIVABLE, "100"), (REVENUE, "-100"))], book).values()
    assert content.split(b"\r\n")[2].startswith(b'100,00;"S";"USD";1,084500;92,21;"EUR";1200;4400;')
    assert READERS["datev"]({"EXTF_a.csv": content}) == {"1200": D(100), "4400": D(-100)}


REFUSED_BOOKS = [
    ({"currency": "USD"}, "exchange rate"),
    ({"currency": "USD", "exchange_rate": D(0)}, "above 0"),
    ({"currency": "USD", "exchange_rate": D(-1)}, "above 0"),
    ({"currency": "USD", "exchange_rate": D(10_000)}, "below 10,000"),
    ({"currency": "USD", "exchange_rate": D("1.0000001")}, "6 decimals"),
    ({"consultant": None}, "consultant number"),
    ({"consultant": 1000}, "1001 to 9999999"),
    ({"client": 100_000}, "client number"),
    ({"account_length": 9}, "4 to 8 digits"),
]


@pytest.mark.parametrize(("fields", "reason"), REFUSED_BOOKS)
def test_datev_refuses_a_book_without_its_values(fields, reason):
    with pytest.raises(UnwritableFile, match=reason):
        write("datev", [make_entry(1, (RECEIVABLE, "1"), (REVENUE, "-1"))], make_book(**fields))


REFUSED_ENTRIES = [
    ("datev", [(RECEIVABLE, "10000000000"), (REVENUE, "-10000000000")], "10 digits"),
    ("datev", [(RECEIVABLE, "0.001"), (REVENUE, "-0.001")], "2 decimal places"),
    ("netsuite", [(RECEIVABLE, "10000000000"), (REVENUE, "-10000000000")], "10 digits"),
    ("xero", [(TAXED[0], "0.001"), (TAXED[1], "-0.001")], "2 decimal places"),
    ("datev", [(RECEIVABLE._replace(code="123456"), "1"), (REVENUE, "-1")], "longer than"),
    (
        "datev",
        [(RECEIVABLE._replace(tax_key="9"), "1"), (REVENUE._replace(tax_key="8"), "-1")],
        "two BU keys, 9 and 8",
    ),
    (
        "datev",
        [(RECEIVABLE._replace(cost_center="A"), "1"), (REVENUE._replace(cost_center="B"), "-1")],
        "two cost centers, A and B",
    ),
    ("journal", [(RECEIVABLE._replace(name="=HYPERLINK(1)"), "1"), (REVENUE, "-1")], "formula"),
    ("sie", [(RECEIVABLE._replace(code="12a"), "1"), (REVENUE, "-1")], "1 to 10 digits"),
]


@pytest.mark.parametrize(("target", "lines", "reason"), REFUSED_ENTRIES)
def test_a_target_refuses_an_entry_that_it_cannot_take(target, lines, reason):
    with pytest.raises(UnwritableFile, match=reason):
        write(target, [make_entry(1, *lines)])


PROBLEMS = [
    # target, account, receivable, reason
    ("journal", LedgerAccount("1200", "Rec\neivable"), False, "control characters"),
    ("journal", LedgerAccount(" 1200", ""), False, "outer spaces"),
    ("journal", LedgerAccount("=1200", ""), False, "takes? for a formula"),
    ("journal", LedgerAccount("-1200", ""), False, "takes? for a formula"),
    ("journal", LedgerAccount("1200", "@SUM"), False, "takes? for a formula"),
    ("journal", LedgerAccount("1200", "A", contact="+49"), False, "takes? for a formula"),
    ("quickbooks", LedgerAccount("1200", ""), False, "by name"),
    ("quickbooks", LedgerAccount("1200", "Receivable"), True, "customer's name"),
    ("xero", LedgerAccount("", "Receivable", tax_key="x"), False, "by code"),
    ("xero", LedgerAccount("1200", ""), False, "tax rate"),
    ("netsuite", LedgerAccount("1200", ""), False, "exact name"),
    ("datev", LedgerAccount("12 00", ""), False, "1 to 9 digits"),
    ("datev", LedgerAccount("1234567890", ""), False, "1 to 9 digits"),
    ("datev", LedgerAccount("1200", "", tax_key="U19"), False, "BU key"),
    ("datev", LedgerAccount("1200", "", cost_center="x" * 37), False, "36 characters"),
    ("sie", LedgerAccount("A1510", ""), False, "1 to 10 digits"),
    ("beancount", LedgerAccount("1200", "Receivable"), False, "Assets, Liabilities"),
    ("beancount", LedgerAccount("1200", "Assets"), False, "Assets, Liabilities"),
    ("beancount", LedgerAccount("1200", "Assets:receivable"), False, "capital letter"),
    ("beancount", LedgerAccount("1200", "Assets:Two Words"), False, "capital letter"),
    ("beancount", LedgerAccount("1200", "Assets:🚀"), False, "capital letter"),
    ("hledger", LedgerAccount("1200", ""), False, "no name"),
    ("hledger", LedgerAccount("1200", "a;b"), False, "semicolons"),
    ("hledger", LedgerAccount("1200", "two  spaces"), False, "double spaces"),
    ("hledger", LedgerAccount("1200", "(virtual)"), False, "letter or digit"),
]


@pytest.mark.parametrize(("target", "account", "receivable", "reason"), PROBLEMS)
def test_a_target_says_why_it_cannot_take_an_account(target, account, receivable, reason):
    problem = WRITERS[target].problem_with(account, is_receivable=receivable)
    assert re.search(reason, problem), problem


SOUND = [
    ("journal", LedgerAccount("0400", 'Quotes "and" ; semicolons, 🚀')),
    ("quickbooks", LedgerAccount("", "Income:Usage")),
    ("datev", LedgerAccount("0400", "Umlaute äöü", tax_key="9")),
    ("beancount", LedgerAccount("", "Income:Erlöse-2026:4Usage")),
    ("hledger", LedgerAccount("", "income:my usage")),
]


@pytest.mark.parametrize(("target", "account"), SOUND)
def test_a_target_takes_sound_accounts(target, account):
    assert WRITERS[target].problem_with(account, is_receivable=False) == ""


def test_leading_zeros_of_an_account_stay():
    account = LedgerAccount("0400", "Zeros")
    (content,) = write("journal", [make_entry(1, (account, "1"), (REVENUE, "-1"))]).values()
    assert content.splitlines()[1].startswith(b"TB-2026-01-001,2026-01-31,0400,Zeros,,1.00,,EUR,")


TRANSLITERATED = [
    # text           encoding  written            why
    ("Müller", "cp1252", "Müller", "CP1252 has umlauts"),
    ("Müller", "cp437", "Müller", "so has CP437"),
    ("Łódź", "cp1252", "Lódz", "letters lose marks that the encoding lacks"),
    ("Ťėst", "cp437", "Test", "also decomposed ones"),
    ("Straße", "cp437", "Straße", "CP437 has sharp s"),
    ("10 €", "cp437", "10 EUR", "a sign of a currency becomes its code"),
    ("10 €", "cp1252", "10 €", "CP1252 has the euro"),
    ("“quoted” – …", "cp437", '"quoted" - ...', "typographic signs become plain ones"),
    ("Щука", "cp1252", "Shchuka", "Cyrillic"),
    ("Ωmega", "cp1252", "Omega", "Greek"),
    ("go 🚀", "cp1252", "go [rocket]", "an emoji becomes its name"),
    ("日", "cp1252", "[cjk unified ideograph-65e5]", "nothing is dropped"),
    ("a\r\nb\tc", "cp1252", "a  b c", "control characters become spaces"),
    ("\ue000", "cp1252", "[u+e000]", "a character without a name keeps its number"),
]


@pytest.mark.parametrize(("text", "encoding", "written", "why"), TRANSLITERATED)
def test_characters_are_transliterated_and_never_dropped(text, encoding, written, why):
    assert encodable(text, encoding) == written, why


def test_a_narration_is_cut_to_what_datev_takes():
    entry = make_entry(1, (RECEIVABLE, "1"), (REVENUE, "-1"), narration="Ä" * 70)
    (content,) = write("datev", [entry]).values()
    assert ('"' + "Ä" * 57 + '..."').encode("cp1252") in content


def test_free_text_is_no_formula():
    entry = make_entry(1, (RECEIVABLE, "1"), (REVENUE, "-1"), narration='=HYPERLINK("http://x";"y")')
    for target in ("journal", "quickbooks", "netsuite"):
        (content,) = write(target, [entry]).values()
        assert b"\"'=HYPERLINK(" in content
        READERS[target]({"a.csv": content})


def test_a_provisional_file_says_so_in_each_entry_and_its_name():
    book = make_book(label="PROVISIONAL-2026-01-EUR", is_provisional=True)
    for target in WRITERS:
        accounts = TAXED if target == "xero" else [RECEIVABLE, REVENUE]
        if target in ("beancount", "hledger"):
            accounts = [account._replace(name=f"Assets:{account.name.replace(':', '-')}") for account in accounts]
        files = write(target, [make_entry(1, (accounts[0], "1"), (accounts[1], "-1"))], replace(book))
        assert all("PROVISIONAL" in name and b"PROVISIONAL " in content for name, content in files.items())


YEARS = [
    (date(2026, 1, 1), 1, date(2026, 1, 1)),
    (date(2026, 12, 1), 1, date(2026, 1, 1)),
    (date(2026, 6, 1), 7, date(2025, 7, 1)),
    (date(2026, 7, 1), 7, date(2026, 7, 1)),
]


@pytest.mark.parametrize(("month", "first_month", "start"), YEARS)
def test_the_fiscal_year_begins_in_its_month(month, first_month, start):
    assert fiscal_year_start(month, first_month) == start


def _cells(content):
    return list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]
