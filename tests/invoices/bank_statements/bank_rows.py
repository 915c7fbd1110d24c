"""Invoices, and files of banks that pay them, for tests of bank statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from html import escape

from django.contrib.auth.models import User

from access.approvals import Requester
from customers.models import Customer, Seller
from invoices.models import Invoice
from invoices.payments.bank_statements.file_import import ImportedFile, import_bank_file
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_seller

NOW = datetime(2026, 3, 5, 9, tzinfo=UTC)
ACCOUNT = "DE02120300000000202051"


@dataclass(frozen=True)
class Transfer:
    """A line of a file. amount: below zero for money sent."""

    amount: str
    text: str = ""
    payer: str = ""
    payer_account: str = ""
    reference: str = ""
    day: date = date(2026, 3, 4)
    currency: str = "EUR"
    is_reversal: bool = False


def make_due(
    name: str = "Acme Robotics GmbH", total: str = "119.00", *, seller: Seller | None = None, word: str = ""
) -> Invoice:
    """Return an issued invoice of a customer with this name: the same one for the same name."""
    seller = seller or make_seller()
    customer = Customer.objects.filter(legal_name=name, seller=seller).first()
    customer = customer or make_customer(word, seller=seller, legal_name=name, currency="EUR")
    return make_invoice(customer, net=total, tax="0.00")


def make_user(name: str = "ann") -> User:
    return User.objects.get_or_create(username=name, defaults={"is_staff": True, "is_superuser": True})[0]


def camt(
    transfers: Sequence[Transfer],
    *,
    account: str = ACCOUNT,
    opening: str = "1000.00",
    closing: str = "",
    number: int = 1,
) -> bytes:
    """Return a file of CAMT.053 version 08, as German banks write it."""
    entries = "".join(map(_entry, transfers))
    end = closing or str(Decimal(opening) + sum(Decimal(transfer.amount) for transfer in transfers))
    currency = transfers[0].currency if transfers else "EUR"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
<GrpHdr><MsgId>M{number}</MsgId><CreDtTm>2026-03-04T20:00:00</CreDtTm></GrpHdr>
<Stmt><Id>2026-{number:03}</Id><Acct><Id><IBAN>{account}</IBAN></Id><Ccy>{currency}</Ccy></Acct>
{_balance("OPBD", opening, currency)}{_balance("CLBD", end, currency)}
{entries}</Stmt></BkToCstmrStmt></Document>""".encode()


def _balance(code: str, amount: str, currency: str) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount.lstrip("-")}</Amt>'
        f"<CdtDbtInd>{_side(amount)}</CdtDbtInd><Dt><Dt>2026-03-04</Dt></Dt></Bal>"
    )


def _side(amount: str) -> str:
    return "DBIT" if amount.startswith("-") else "CRDT"


def _entry(transfer: Transfer) -> str:
    role = "Cdtr" if transfer.amount.startswith("-") else "Dbtr"
    account = f"<{role}Acct><Id><IBAN>{transfer.payer_account}</IBAN></Id></{role}Acct>"
    return f"""<Ntry><Amt Ccy="{transfer.currency}">{transfer.amount.lstrip("-")}</Amt>
<CdtDbtInd>{_side(transfer.amount)}</CdtDbtInd>{"<RvslInd>true</RvslInd>" if transfer.is_reversal else ""}
<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{transfer.day}</Dt></BookgDt><ValDt><Dt>{transfer.day}</Dt></ValDt>
{f"<AcctSvcrRef>{transfer.reference}</AcctSvcrRef>" if transfer.reference else ""}
<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>
<RltdPties><{role}><Pty><Nm>{escape(transfer.payer)}</Nm></Pty></{role}>{account if transfer.payer_account else ""}
</RltdPties><RmtInf><Ustrd>{escape(transfer.text)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"""


def import_transfers(*transfers: Transfer, **options: object) -> ImportedFile:
    """Import a file with these lines for the default seller."""
    return import_content(camt(transfers, **options))  # type: ignore[arg-type]  # the test's own


def import_content(content: bytes, *, seller: Seller | None = None) -> ImportedFile:
    return import_bank_file(
        seller=seller or make_seller(),
        content=content,
        file_name="statement.xml",
        by=Requester(user=make_user()),
        at=NOW,
    )
