"""Bank statements of both sellers: payments in full, in part, twice, of unknown payers, and bank fees."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from customers.models import Seller
from demo.office.office_data import FINANCE, requester
from invoices.models import BankStatement, DocumentKind, Invoice
from invoices.models.invoices import InvoiceState
from invoices.payments.bank_files.csv_file import CsvColumns, DateOrder, DecimalMark
from invoices.payments.bank_statements.file_import import import_bank_file
from invoices.payments.bank_statements.match_run import match_lines

FILES = 3
ACCOUNT = "0012345678"
COLUMNS = CsvColumns(
    date="Date",
    amount="Amount",
    default_currency="USD",
    payer="Name",
    text="Description",
    date_order=DateOrder.YEAR_FIRST,
    decimal_mark=DecimalMark.POINT,
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer on the account; amount: positive for money received."""

    day: date
    amount: Decimal
    name: str
    text: str


def add(*, at: datetime) -> bool:
    if BankStatement.objects.count() >= FILES:
        return False
    american, european = Seller.objects.get(code="lumenfold-us"), Seller.objects.get(code="lumenfold-eu")
    transfers = list(_transfers(american, at))
    first, second = transfers[::2], transfers[1::2]
    for number, part in enumerate((first, second), start=1):
        _import(american, _csv(part), f"checking-{at:%Y-%m}-{number}.csv", at)
    _import(european, _mt940(european, list(_transfers(european, at)), at), f"konto-{at:%Y-%m}.sta", at)
    match_lines(at=at)
    return True


def _import(seller: Seller, content: str, name: str, at: datetime) -> None:
    is_csv = name.endswith(".csv")
    import_bank_file(
        seller=seller,
        content=content.encode(),
        file_name=name,
        by=requester(FINANCE),
        at=at,
        account=ACCOUNT if is_csv else "",
        columns=COLUMNS if is_csv else None,
    )


def _transfers(seller: Seller, at: datetime) -> Iterator[Transfer]:
    """Yield payments of the seller's newest open invoices, and the transfers that every account has."""
    day = (at - timedelta(days=2)).date()
    unpaid = Invoice.objects.filter(
        seller=seller,
        currency=seller.currency,
        kind=DocumentKind.INVOICE,
        state__in=[InvoiceState.ISSUED, InvoiceState.OVERDUE],
        sandbox=False,
    )
    invoices = unpaid.select_related("customer").order_by("-issued_at", "pk")[:6]
    for number, invoice in enumerate(invoices):
        name, due = invoice.customer.legal_name, invoice.due
        match number:
            case 0 | 3:
                yield Transfer(day, due, name, f"Invoice {invoice.number}")
            case 1:
                yield Transfer(day, round(due / 2, 2), name, f"{invoice.number} first half")
            case 2:
                yield Transfer(day, due, name, "Thank you")
            case 4:
                yield Transfer(day, due + 10, name, f"INV {invoice.number}")
            case _:
                yield Transfer(day, due, "Northbank Holding", "monthly payment")
    yield Transfer(day, Decimal("750.00"), "Kestrel Trading", "Order 8841")
    yield Transfer(day, Decimal("-12.50"), "Bank", "Account fee")


def _csv(transfers: list[Transfer]) -> str:
    rows = [f"{m.day:%Y-%m-%d},{m.amount:.2f},{m.name.replace(',', '')},{m.text}" for m in transfers]
    return "\n".join(["Date,Amount,Name,Description", *rows, ""])


def _mt940(seller: Seller, transfers: list[Transfer], at: datetime) -> str:
    opening = Decimal("20000.00")
    closing = opening + sum(m.amount for m in transfers)
    lines = [":20:STARTUMS", f":25:{seller.iban}", ":28C:00011/001", _balance("60F", opening, at)]
    for m in transfers:
        mark = "C" if m.amount > 0 else "D"
        lines += [f":61:{m.day:%y%m%d}{mark}{_comma(abs(m.amount))}NTRFNONREF", f":86:166?20{m.text}?32{m.name[:27]}"]
    return "\n".join([*lines, _balance("62F", closing, at), "-", ""])


def _balance(tag: str, amount: Decimal, at: datetime) -> str:
    return f":{tag}:C{at:%y%m%d}EUR{_comma(amount)}"


def _comma(amount: Decimal) -> str:
    return f"{amount:.2f}".replace(".", ",")
