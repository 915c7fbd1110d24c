"""
Readers of accounting files that check every rule of their target.

They are written from the targets' documents and share nothing with the product's writers.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

D = Decimal
Sums = dict[str, Decimal]
Files = dict[str, bytes]
"""The content of each file by its name."""

JOURNAL = (
    "entry,date,account_code,account_name,cost_center,debit,credit,currency,narration,tax_key,contact,exchange_rate"
)
QUICKBOOKS = "Journal No,Journal Date,Account Name,Debits,Credits,Description,Name,Class,Currency"
XERO = (
    "*Narration,*Date,Description,*AccountCode,*TaxRate,*Amount,TrackingName1,TrackingOption1,TrackingName2,"
    "TrackingOption2"
)
NETSUITE = "External ID,Date,Currency,Subsidiary,Account,Debit,Credit,Memo,Name,Location"
AMOUNT = re.compile(r"\d+\.\d{2,4}")
DATEV_CELLS = re.compile(r'("(?:[^"]|"")*"|[^";]*)(;|$)')
DATEV_COLUMNS = 125
SIE_LABELS = ["#FLAGGA", "#PROGRAM", "#FORMAT", "#GEN", "#SIETYP", "#ORGNR", "#FNAMN", "#VALUTA", "#DIM", "#OBJEKT"]
DATEV_HEADER = (
    re.compile(
        r'"EXTF";700;21;"Buchungsstapel";13;(?P<created>\d{17});;"RE";"";"";(?P<consultant>\d{4,7});(?P<client>\d{1,5});'
        r"(?P<fiscal_year>\d{8});(?P<length>[4-8]);(?P<first>\d{8});(?P<last>\d{8});"
        r'"(?P<title>(?:[^"]|""){0,30})";"[A-Z]{0,2}";1;0;[01];"(?P<currency>[A-Z]{3})";;"";;;"(?P<chart>\d{0,2})";;;"";""'
    ),
)


def read_journal(files: Files) -> Sums:
    """Check the general journal: one amount in each row, balanced by entry and currency."""
    sums, entries = defaultdict(D), defaultdict(D)
    for row in _rows(files, JOURNAL):
        assert date.fromisoformat(row["date"])
        amount = _one_side(row["debit"], row["credit"])
        assert re.fullmatch("[A-Z]{3}", row["currency"])
        sums[row["account_code"] or row["account_name"]] += amount
        entries[row["entry"], row["currency"]] += amount
    assert not any(entries.values())
    return dict(sums)


def read_quickbooks(files: Files) -> Sums:
    sums, entries, days = defaultdict(D), defaultdict(D), defaultdict(set)
    for row in _rows(files, QUICKBOOKS):
        assert 0 < len(row["Journal No"]) <= 21
        assert datetime.strptime(row["Journal Date"], "%m/%d/%Y")  # noqa: DTZ007
        assert 0 < len(row["Account Name"]) <= 100
        amount = _one_side(row["Debits"], row["Credits"], places=2)
        if row["Account Name"].startswith("Receivable"):
            assert row["Name"], "a line of receivables names a customer"
        sums[row["Account Name"]] += amount
        entries[row["Journal No"]] += amount
        days[row["Journal No"]].add(row["Journal Date"])
    assert not any(entries.values())
    assert all(len(found) == 1 for found in days.values())
    return dict(sums)


def read_xero(files: Files) -> Sums:
    sums, journals = defaultdict(D), {}
    for name, content in files.items():
        in_file = defaultdict(D)
        assert content.count(b"\r\n") <= 300, "Xero takes 300 lines in a file"
        for row in _rows({name: content}, XERO):
            assert datetime.strptime(row["*Date"], "%d/%m/%Y")  # noqa: DTZ007
            assert row["*AccountCode"]
            assert row["*TaxRate"]
            assert re.fullmatch(r"-?\d+\.\d{2}", row["*Amount"])
            assert bool(row["TrackingName1"]) == bool(row["TrackingOption1"])
            sums[row["*AccountCode"]] += D(row["*Amount"])
            in_file[row["*Narration"], row["*Date"]] += D(row["*Amount"])
        assert not any(in_file.values()), "a journal is balanced within its file"
        assert not in_file.keys() & journals.keys(), "no journal spans two files"
        journals |= dict(in_file)
    return dict(sums)


def read_netsuite(files: Files) -> Sums:
    sums, entries, lines = defaultdict(D), defaultdict(D), defaultdict(int)
    for row in _rows(files, NETSUITE):
        assert datetime.strptime(row["Date"], "%m/%d/%Y")  # noqa: DTZ007
        assert re.fullmatch("[A-Z]{3}", row["Currency"])
        assert row["Subsidiary"]
        assert row["Account"]
        amount = _one_side(row["Debit"], row["Credit"], places=2)
        assert abs(amount) < 10**10
        sums[row["Account"]] += amount
        entries[row["External ID"]] += amount
        lines[row["External ID"]] += 1
    assert not any(entries.values())
    assert min(lines.values()) >= 2
    return dict(sums)


def read_datev(files: Files) -> Sums:
    sums, entries = defaultdict(D), defaultdict(set)
    for name, content in files.items():
        assert re.fullmatch(r"EXTF_[^/\\]*\.csv", name)
        text = content.decode("cp1252")
        assert text.endswith("\r\n")
        header, columns, *rows = text.removesuffix("\r\n").split("\r\n")
        found = DATEV_HEADER[0].fullmatch(header)
        assert found, header
        assert len(_datev_cells(header)) == 31
        assert found["first"][:6] == found["last"][:6], "a file is of one month"
        assert datetime.strptime(found["created"][:14], "%Y%m%d%H%M%S")  # noqa: DTZ007
        assert len(_datev_cells(columns)) == DATEV_COLUMNS
        assert 0 < len(rows) <= 99_997
        for row in rows:
            _read_datev_row(_datev_cells(row), found, sums, entries, name)
    assert all(len(names) == 1 for names in entries.values()), "no entry spans two files"
    return dict(sums)


def _read_datev_row(cells: list[str], header: re.Match, sums: Sums, entries: dict, name: str) -> None:
    assert len(cells) == DATEV_COLUMNS
    amount, side, currency, rate, base, base_currency, account, contra = cells[:8]
    assert re.fullmatch(r"\d{1,10},\d{2}", amount)
    value = D(amount.replace(",", "."))
    assert value > 0
    assert side in ('"S"', '"H"')
    assert re.fullmatch('"[A-Z]{3}"', currency)
    if currency.strip('"') == header["currency"]:
        assert (rate, base, base_currency) == ("", "", "")
    else:
        assert re.fullmatch(r"\d{1,4},\d{2,6}", rate)
        assert D(rate.replace(",", ".")) > 0
        assert re.fullmatch(r"\d{1,10},\d{2}", base)
        assert base_currency.strip('"') == header["currency"]
        assert abs(D(base.replace(",", ".")) - value / D(rate.replace(",", "."))) <= D("0.005")
    for number in (account, contra):
        assert re.fullmatch(r"\d{1,9}", number)
        assert len(number) <= int(header["length"]) + 1
    assert account != contra
    assert re.fullmatch(r'("\d{1,4}")?', cells[8])
    assert cells[9] == header["last"][6:8] + header["last"][4:6], "a date has day and month only"
    assert re.fullmatch(r'"[^\s.,;"]{1,36}"', cells[10])
    assert len(_unquoted(cells[13])) <= 60
    assert len(_unquoted(cells[36])) <= 36
    assert cells[113] == "0", "an empty field would lock the batch"
    assert not any(cells[14:36] + cells[37:113] + cells[114:])
    signed = value if side == '"S"' else -value
    sums[account] += signed
    sums[contra] -= signed
    entries[cells[10]].add(name)


def read_sie(files: Files) -> Sums:
    ((name, content),) = files.items()
    assert name.lower().endswith(".si")
    lines = content.decode("cp437").split("\r\n")
    assert lines.pop() == ""
    sums, known, numbers, total = defaultdict(D), set(), set(), None
    labels = [line.split()[0] for line in lines if line.startswith("#")]
    assert labels[:5] == ["#FLAGGA", "#PROGRAM", "#FORMAT", "#GEN", "#SIETYP"]
    assert lines[0] == "#FLAGGA 0"
    assert lines[2] == "#FORMAT PC8"
    assert lines[4] == "#SIETYP 4"
    for line in lines:
        tokens = _sie_tokens(line)
        match tokens:
            case ["#KONTO", number, _]:
                assert number.isdigit()
                assert number not in known
                known.add(number)
            case ["#VER", series, number, day, _]:
                assert (series, number) not in numbers
                assert number.isdigit()
                assert re.fullmatch(r"\d{8}", day)
                numbers.add((series, number))
            case ["{"]:
                total = D(0)
            case ["#TRANS", number, [*_], amount, _]:
                assert number in known, "accounts are declared before they are used"
                assert re.fullmatch(r"-?\d+\.\d{2}", amount)
                assert total is not None
                total += D(amount)
                sums[number] += D(amount)
            case ["}"]:
                assert total == 0, "an entry sums to zero"
                total = None
            case _:
                assert tokens[0] in SIE_LABELS, line
    return dict(sums)


def read_beancount(files: Files) -> Sums:
    sums, total, opened = defaultdict(D), None, set()
    for line in _text_lines(files, ".beancount"):
        if found := re.fullmatch(r"(\d{4}-\d\d-\d\d) open (\S+)", line):
            assert found[2] not in opened
            opened.add(found[2])
        elif found := re.fullmatch(r'\d{4}-\d\d-\d\d \* "(?:[^"\\]|\\.)*" \^[A-Za-z0-9/._-]+', line):
            total = D(0)
        elif found := re.fullmatch(r"  (\S+)  (-?\d+(?:\.\d+)?) ([A-Z]{3})", line):
            assert found[1] in opened
            assert re.match("(Assets|Liabilities|Equity|Income|Expenses):", found[1])
            sums[found[1]] += D(found[2])
            total += D(found[2])
        elif line == "":
            assert not total
        else:
            assert re.fullmatch(r';.*|    [a-z_]+: "(?:[^"\\]|\\.)*"', line), line
    return dict(sums)


def read_hledger(files: Files) -> Sums:
    sums, total = defaultdict(D), None
    for line in _text_lines(files, ".journal"):
        if re.fullmatch(r"\d{4}-\d\d-\d\d \([^)]+\) [^;|]*", line):
            total = D(0)
        elif found := re.fullmatch(r"    (\S(?:.*\S)?)  ([A-Z]{3}) (-?\d+(?:\.\d+)?)", line):
            assert "  " not in found[1]
            assert ";" not in found[1]
            sums[found[1]] += D(found[3])
            total += D(found[3])
        elif line == "":
            assert not total
        else:
            assert line == "decimal-mark ." or line.startswith(";"), line
    return dict(sums)


READERS: dict[str, Callable[[Files], Sums]] = {
    "journal": read_journal,
    "quickbooks": read_quickbooks,
    "xero": read_xero,
    "netsuite": read_netsuite,
    "datev": read_datev,
    "sie": read_sie,
    "beancount": read_beancount,
    "hledger": read_hledger,
}


def _rows(files: Files, header: str) -> list[dict[str, str]]:
    rows = []
    for name, content in files.items():
        assert name.endswith(".csv")
        text = content.decode("utf-8")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        assert reader.fieldnames == header.split(",")
        for row in reader:
            assert None not in row
            assert None not in row.values()
            for cell in row.values():
                assert not cell.startswith(("=", "@", "\t", "\r")), cell
                assert not cell.startswith(("+", "-")) or re.fullmatch(r"[-+][\d.,]+", cell), cell  # a number
            rows.append(row)
    return rows


def _one_side(debit: str, credit: str, *, places: int | None = None) -> Decimal:
    assert bool(debit) != bool(credit), "a line is a debit or a credit"
    text = debit or credit
    assert AMOUNT.fullmatch(text), text
    assert places is None or len(text.split(".")[1]) == places
    assert D(text) > 0
    return D(debit) if debit else -D(credit)


def _datev_cells(line: str) -> list[str]:
    cells, at = [], 0
    while True:
        found = DATEV_CELLS.match(line, at)
        assert found, line[at : at + 80]
        cells.append(found[1])
        at = found.end()
        if not found[2]:
            assert at == len(line)
            return cells


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"')


def _sie_tokens(line: str) -> list:
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|\{([^}]*)\}|([^\s"{}]+)|([{}])', line)
    tokens = []
    for text, objects, word, brace in found:
        if brace or word:
            tokens.append(brace or word)
        elif line.startswith("  #TRANS") and not text:
            tokens.append(objects.split())
        else:
            tokens.append(text)
    return tokens


def _text_lines(files: Files, suffix: str) -> list[str]:
    lines = []
    for name, content in files.items():
        assert name.endswith(suffix)
        lines += content.decode("utf-8").split("\n")
    return lines
