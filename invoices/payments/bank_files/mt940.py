"""
Read MT940 (SWIFT customer statements), with the structured field :86: of German banks.

Why not the library mt-940: docs/decisions/0075-bank-lines-are-booked-like-payments.md.
"""

import re
from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from invoices.payments.bank_files.statements import (
    MAX_LINES,
    MAX_NAME,
    MAX_REFERENCE,
    MAX_TEXT,
    BankFileLine,
    BankFileRefused,
    BankFileStatement,
    clean_account,
    clean_text,
)

_TAG = re.compile(r":(\d{2}[A-Z]?):(.*)")
_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})([\d]{1,12},\d{0,3})")
_MOVEMENT = re.compile(
    r"(?P<day>\d{6})(?P<booked>\d{4})?(?P<mark>R?[CD])(?P<funds>[A-Z])?(?P<amount>\d{1,12},\d{0,3})"
    r"(?P<kind>[A-Z][A-Z0-9]{3})(?P<reference>(?:(?!//).){0,16})(?://(?P<bank>.{0,34}))?"
)
_FIELD = re.compile(r"\?(\d{2})")
_PURPOSE = re.compile(r"(?<![A-Z])(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC)\+")
_LABEL = re.compile(r"/(EREF|REMI|NAME|ORDP|BENM|IBAN|CNTP|TRCD|ISDT|USTD|MARF|CSID|SVCL|PREF|ADDR|BIC)(?=/)")
_NO_REFERENCE = ("NONREF", "NOTPROVIDED", "NOT PROVIDED")


@dataclass(slots=True)
class _Draft:
    """A statement while its fields are read."""

    number: int
    account: str = ""
    reference: str = ""
    currency: str = ""
    opening: Decimal | None = None
    closing: Decimal | None = None
    lines: list[BankFileLine] = field(default_factory=list)


def read_mt940(content: bytes) -> list[BankFileStatement]:
    """
    Return the statements of a file. Each part of a long statement is one, with its balances :60M: and :62M:.

    :raises BankFileRefused: if a field is missing or can't be read.
    """
    drafts: list[_Draft] = []
    for number, tag, text in _fields(_decode(content)):
        if tag == "20":
            drafts.append(_Draft(number))
        elif not drafts:
            raise BankFileRefused(f"Line {number}: the field :{tag}: comes before the first :20:.")
        else:
            _read_field(drafts[-1], number, tag, text)
        if len(drafts[-1].lines) > MAX_LINES:
            raise BankFileRefused(f"The file has more than {MAX_LINES:,} lines. Import it in parts.")
    if not drafts:
        raise BankFileRefused("The file has no MT940 statement (:20:).")
    return [_finish(draft) for draft in drafts]


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _fields(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the fields as (line number, tag, text); a line without a tag continues the field above it."""
    current: tuple[int, str, list[str]] | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.rstrip()
        # Blocks of the SWIFT envelope, and the hyphen that ends a message.
        if line.startswith("{") and "{4:" in line:
            line = line.rpartition("{4:")[2]
        if not line or line in ("-", "-}") or line.startswith(("{", "-}{")):
            continue
        if match := _TAG.match(line):
            if current:
                yield current[0], current[1], "\n".join(current[2])
            current = (number, match[1], [match[2]])
        elif current is None:
            raise BankFileRefused(f"Line {number}: “{line[:20]}” belongs to no field.")
        else:
            current[2].append(line)
    if current:
        yield current[0], current[1], "\n".join(current[2])


def _read_field(draft: _Draft, number: int, tag: str, text: str) -> None:
    if tag == "25":
        draft.account = clean_account(text.partition("\n")[0])
    elif tag in ("28", "28C"):
        draft.reference = clean_text(text, MAX_REFERENCE)
    elif tag in ("60F", "60M"):
        draft.opening, draft.currency = _balance(number, tag, text)
    elif tag in ("62F", "62M"):
        draft.closing, currency = _balance(number, tag, text)
        if currency != draft.currency:
            raise BankFileRefused(f"Line {number}: the balances are in {draft.currency} and {currency}.")
    elif tag == "61":
        draft.lines.append(_movement(draft, number, text))
    elif tag == "86" and draft.lines and draft.closing is None:
        draft.lines[-1] = _with_details(draft.lines[-1], text)


def _finish(draft: _Draft) -> BankFileStatement:
    for value, name in ((draft.account, ":25:"), (draft.opening, ":60F:"), (draft.closing, ":62F:")):
        if value in ("", None):
            raise BankFileRefused(f"Line {draft.number}: the statement has no field {name}.")
    return BankFileStatement(
        account=draft.account,
        reference=draft.reference,
        currency=draft.currency,
        opening=draft.opening,
        closing=draft.closing,
        lines=draft.lines,
    )


def _balance(number: int, tag: str, text: str) -> tuple[Decimal, str]:
    match = _BALANCE.fullmatch(text.strip())
    if match is None:
        raise BankFileRefused(f"Line {number}: the balance :{tag}: can't be read.")
    amount = _decimal(match[4])
    return (amount if match[1] == "C" else amount.copy_negate()), match[3]


def _movement(draft: _Draft, number: int, text: str) -> BankFileLine:
    match = _MOVEMENT.match(text.partition("\n")[0])
    if match is None or draft.opening is None:
        problem = "can't be read" if match is None else "comes before its opening balance (:60F:)"
        raise BankFileRefused(f"Line {number}: the movement :61: {problem}.")
    amount = _decimal(match["amount"])
    # RC takes a credit back, so money leaves; RD takes a debit back, so money arrives.
    is_received = match["mark"] in ("C", "RD")
    value_date = _date(number, match["day"])
    return BankFileLine(
        value_date=value_date,
        booking_date=_booking_date(number, match["booked"], value_date),
        amount=amount if is_received else amount.copy_negate(),
        currency=draft.currency,
        end_to_end_id=_given(match["reference"]),
        bank_reference=_given(match["bank"] or ""),
        is_reversal=match["mark"].startswith("R"),
        place=f"Line {number}, :61:",
    )


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", ".") + ("0" if text.endswith(",") else ""))


def _date(number: int, text: str) -> date:
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
    try:
        return date(2000 + year, month, day)
    except ValueError:
        raise BankFileRefused(f"Line {number}: “{text}” is not a date (YYMMDD).") from None


def _booking_date(number: int, text: str | None, value_date: date) -> date | None:
    """Return the booking date, whose year is the one that brings it nearest to the value date."""
    if text is None:
        return None
    days = [_date(number, f"{year % 100:02}{text}") for year in _years_near(value_date, text)]
    return min(days, key=lambda day: abs(day - value_date))


def _years_near(value_date: date, text: str) -> list[int]:
    years = [value_date.year - 1, value_date.year, value_date.year + 1]
    return [year for year in years if text != "0229" or isleap(year)] or [value_date.year]


def _given(reference: str) -> str:
    cleaned = clean_text(reference, MAX_REFERENCE)
    return "" if cleaned.upper() in _NO_REFERENCE else cleaned


def _with_details(line: BankFileLine, text: str) -> BankFileLine:
    """Return a line with the details of its field :86:, by German or SWIFT labels, or as plain text."""
    if _FIELD.search(text):
        return _with_german_details(line, text.replace("\n", ""))
    flat = text.replace("\n", "")
    if len(labels := list(_LABEL.finditer(flat))) > 1:
        return _with_labels(line, flat, labels)
    return replace(line, text=clean_text(text.replace("\n", " "), MAX_TEXT))


def _with_german_details(line: BankFileLine, text: str) -> BankFileLine:
    """
    Read subfields: ?20–?29 and ?60–?63 are the purpose, cut at any character; ?31 the account; ?32 and ?33 the name.
    """
    pieces = _FIELD.split(text)
    subfields = list(zip(pieces[1::2], pieces[2::2], strict=True))
    purpose = "".join(value for code, value in subfields if "20" <= code <= "29" or "60" <= code <= "63")
    values = dict(subfields)
    parts = _PURPOSE.split(purpose)
    by_label = dict(zip(parts[1::2], parts[2::2], strict=True))
    remittance = by_label.get("SVWZ") or parts[0] if parts[1:] else purpose
    return replace(
        line,
        text=clean_text(remittance, MAX_TEXT),
        payer_name=clean_text("".join(value for code, value in subfields if code in ("32", "33")), MAX_NAME),
        payer_account=clean_account(values.get("31", "") or by_label.get("IBAN", "")),
        end_to_end_id=_given(by_label.get("EREF", "")) or line.end_to_end_id,
    )


def _with_labels(line: BankFileLine, text: str, labels: list[re.Match[str]]) -> BankFileLine:
    """Read a field such as /EREF/X/IBAN/NL02…/NAME/Acme/REMI/Invoice 12/."""
    ends = [label.start() for label in labels[1:]] + [len(text)]
    values = {label[1]: text[label.end() + 1 : end].strip("/") for label, end in zip(labels, ends, strict=True)}
    remittance = (values.get("REMI") or values.get("USTD") or "").removeprefix("USTD//")
    counterparty = values.get("CNTP", "").split("/")  # account, BIC, name, city
    return replace(
        line,
        text=clean_text(remittance, MAX_TEXT),
        payer_name=clean_text(
            values.get("NAME") or (counterparty[2] if len(counterparty) > 2 else "") or values.get("ORDP", ""),
            MAX_NAME,
        ),
        payer_account=clean_account(values.get("IBAN") or counterparty[0]),
        end_to_end_id=_given(values.get("EREF", "")) or line.end_to_end_id,
    )
