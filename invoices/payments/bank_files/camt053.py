"""
Read CAMT.053 (ISO 20022, BkToCstmrStmt), versions 02 and later, whatever their namespace.

Elements are found by their local names, since the versions differ in namespaces and in few names only: an amount of a
transaction moved from AmtDtls/TxAmt/Amt to Amt, a party from Nm to Pty/Nm, and the status from a text to Sts/Cd.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from lxml import etree

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
from lib.decimals import exact_sum

_OPENING, _CLOSING = ("OPBD", "PRCD"), ("CLBD",)
_NO_REFERENCE = ("NOTPROVIDED", "NONREF", "NOT PROVIDED")


def read_camt053(content: bytes) -> list[BankFileStatement]:
    """
    Return the statements of a file, one for each `Stmt`.

    :raises BankFileRefused: if it is no such file, has a document type or an entity, or an element is missing or
        wrong.
    """
    root = _parse(content)
    report = _child(root, "BkToCstmrStmt")
    if report is None:
        kind = _name(root[0]) if len(root) else _name(root)
        raise BankFileRefused(
            f"The file is “{kind}”, not a CAMT.053 statement (BkToCstmrStmt). Export the booked statement instead."
        )
    statements = [_statement(element) for element in report if _name(element) == "Stmt"]
    if not statements:
        raise BankFileRefused("The file has no statement (Stmt).")
    if sum(len(statement.lines) for statement in statements) > MAX_LINES:
        raise BankFileRefused(f"The file has more than {MAX_LINES:,} entries. Import it in parts.")
    return statements


def _parse(content: bytes) -> etree._Element:
    # No entity is expanded, no document type is loaded and nothing is fetched, whatever the file asks for.
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise BankFileRefused(f"The file is not well-formed XML: {error.msg}.") from error
    if root.getroottree().docinfo.doctype:
        raise BankFileRefused("The file has a document type (DOCTYPE), which a bank statement never has.")
    return root


def _statement(element: etree._Element) -> BankFileStatement:
    place = _place(element)
    account = clean_account(_text(element, "Acct/Id/IBAN") or _text(element, "Acct/Id/Othr/Id"))
    if not account:
        raise BankFileRefused(f"{place}: the account (Acct/Id) is missing.")
    currency = _text(element, "Acct/Ccy")
    opening, closing = _balance(element, _OPENING), _balance(element, _CLOSING)
    balances = [balance for balance in (opening, closing) if balance is not None]
    if len({code for _, code in balances}) > 1:
        raise BankFileRefused(f"{place}: the balances have different currencies.")
    lines = [
        line for entry in element if _name(entry) == "Ntry" for line in _lines(entry, currency)
    ]  # in the order of the file
    return BankFileStatement(
        account=account,
        reference=clean_text(_text(element, "Id"), MAX_REFERENCE),
        currency=balances[0][1] if balances else currency,
        opening=opening[0] if opening else None,
        closing=closing[0] if closing else None,
        lines=lines,
    )


def _balance(statement: etree._Element, codes: tuple[str, ...]) -> tuple[Decimal, str] | None:
    """Return the statement's balance of the first of these kinds that it has."""
    by_code = {
        _text(element, "Tp/CdOrPrtry/Cd"): element for element in reversed(statement) if _name(element) == "Bal"
    }
    for code in codes:
        if (element := by_code.get(code)) is not None:
            return _amount(element, "Amt", "")
    return None


def _lines(entry: etree._Element, currency: str) -> Iterator[BankFileLine]:
    """
    Yield the lines of an entry: one for each transaction of a batch if their amounts sum to the entry's, which a
    batch with charges does not; otherwise one for the entry.
    """
    amount, code = _amount(entry, "Amt", currency)
    status = _text(entry, "Sts/Cd") or _text(entry, "Sts") or "BOOK"
    if status != "BOOK":
        raise BankFileRefused(
            f"{_place(entry)}: the entry is not booked yet (Sts {status[:10]}). Export the booked statement instead."
        )
    transactions = [element for element in entry.iterdescendants() if _name(element) == "TxDtls"]
    parts = [_part(transaction, code) for transaction in transactions]
    amounts = [part for part in parts if part is not None]
    if len(transactions) > 1 and len(amounts) == len(parts) and exact_sum(amounts) == amount:
        for number, (transaction, part) in enumerate(zip(transactions, amounts, strict=True), start=1):
            yield _line(entry, [transaction], part, code, number)
    else:
        yield _line(entry, transactions, amount, code, 0)


def _part(transaction: etree._Element, currency: str) -> Decimal | None:
    """Return the amount of a transaction in the currency of its entry, if it states one."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        element = _descend(transaction, path)
        if element is not None and element.get("Ccy", currency) == currency:
            holder = element.getparent()
            indicator = _text(transaction, "CdtDbtInd") or _text(_entry(transaction), "CdtDbtInd")
            return _signed(_decimal(holder, "Amt"), indicator, transaction)
    return None


def _line(
    entry: etree._Element, transactions: list[etree._Element], amount: Decimal, currency: str, number: int
) -> BankFileLine:
    transaction = transactions[0] if len(transactions) == 1 else None
    sender = "Dbtr" if amount > 0 else "Cdtr"
    reference = (_text(transaction, "Refs/AcctSvcrRef") if transaction is not None else "") or ""
    if not reference and (whole := _text(entry, "AcctSvcrRef")):
        reference = f"{whole}/{number}" if number else whole
    details = transactions or [entry]
    texts = [text for element in details for text in _remittance(element)]
    return BankFileLine(
        value_date=_date(entry, "ValDt", "BookgDt"),
        booking_date=_date(entry, "BookgDt", "ValDt"),
        amount=amount,
        currency=currency,
        payer_name=clean_text(_party(transaction, sender), MAX_NAME),
        payer_account=clean_account(_account(transaction, sender)),
        text=clean_text(" ".join(texts) or _text(entry, "AddtlNtryInf"), MAX_TEXT),
        end_to_end_id=_given(_text(transaction, "Refs/EndToEndId")),
        bank_reference=_given(reference),
        is_reversal=_text(entry, "RvslInd") in ("true", "1"),
        place=f"{_place(entry)}{f', transaction {number}' if number else ''}",
    )


def _given(reference: str) -> str:
    """Return a reference, or nothing for the words by which banks say that there is none."""
    cleaned = clean_text(reference, MAX_REFERENCE)
    return "" if cleaned.upper() in _NO_REFERENCE else cleaned


def _remittance(element: etree._Element) -> Iterator[str]:
    for info in element.iterdescendants():
        if _name(info) == "RmtInf":
            yield from (child.text or "" for child in info if _name(child) == "Ustrd")
            yield from (
                child.text or ""
                for child in info.iterdescendants()
                if _name(child) in ("Ref", "Nb", "AddtlRmtInf") and child.text
            )


def _party(transaction: etree._Element | None, role: str) -> str:
    for path in (f"RltdPties/{role}/Nm", f"RltdPties/{role}/Pty/Nm", f"RltdPties/Ultmt{role}/Nm"):
        if text := _text(transaction, path):
            return text
    return ""


def _account(transaction: etree._Element | None, role: str) -> str:
    path = f"RltdPties/{role}Acct/Id"
    return _text(transaction, f"{path}/IBAN") or _text(transaction, f"{path}/Othr/Id")


def _amount(holder: etree._Element, tag: str, currency: str) -> tuple[Decimal, str]:
    """Return an amount with its sign, and its currency."""
    element = _child(holder, tag)
    number = _decimal(holder, tag)
    code = (element.get("Ccy") if element is not None else None) or currency
    return _signed(number, _text(holder, "CdtDbtInd"), holder), str(code)


def _signed(number: Decimal, indicator: str, element: etree._Element) -> Decimal:
    if indicator not in ("CRDT", "DBIT"):
        raise BankFileRefused(f"{_place(element)}: CdtDbtInd is “{indicator[:10]}”, neither CRDT nor DBIT.")
    return number if indicator == "CRDT" else number.copy_negate()


def _decimal(holder: etree._Element, tag: str) -> Decimal:
    text = _text(holder, tag)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise BankFileRefused(f"{_place(holder)}: {tag} is “{text[:30]}”, not a number.") from None
    if not number.is_finite() or number < 0:
        raise BankFileRefused(f"{_place(holder)}: {tag} is {text[:30]}; an amount is zero or more.")
    return number


def _date(entry: etree._Element, *names: str) -> date:
    """Return the first of these dates that the entry has."""
    text = next(filter(None, (_text(entry, f"{name}/{kind}") for name in names for kind in ("Dt", "DtTm"))), "")
    try:
        return datetime.fromisoformat(text[:10]).date()
    except ValueError:
        raise BankFileRefused(f"{_place(entry)}: {names[0]} is “{text[:30]}”, not a date.") from None


def _entry(transaction: etree._Element) -> etree._Element | None:
    return next((parent for parent in transaction.iterancestors() if _name(parent) == "Ntry"), None)


def _name(element: etree._Element) -> str:
    """Return the name without its namespace; an entity that was not resolved has none."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return next((child for child in element if _name(child) == name), None)


def _descend(element: etree._Element | None, path: str) -> etree._Element | None:
    for name in path.split("/"):
        if element is None:
            return None
        element = _child(element, name)
    return element


def _text(element: etree._Element | None, path: str) -> str:
    last = _descend(element, path)
    return (last.text or "").strip() if last is not None else ""


def _place(element: etree._Element) -> str:
    return f"Line {element.sourceline}, {_name(element)}"
