from invoices.models.balances import BalanceEntry, CustomerBalance
from invoices.models.bank_statements import BankAccount, BankBooking, BankLine, BankStatement
from invoices.models.discounts import Discount
from invoices.models.dunning import DunningAct, DunningStep
from invoices.models.invoices import Invoice, InvoiceTax, Line
from invoices.models.labels import InvoiceLabels
from invoices.models.merchant_accounts import MerchantAccount
from invoices.models.month_locks import MonthLock
from invoices.models.notes import InvoiceNote
from invoices.models.numbering import DocumentKind, NumberSeries
from invoices.models.payment_attempts import PayerAccount, PaymentAttempt, PaymentMethod, ProviderEvent, Refund
from invoices.models.payments import Payment
from invoices.models.pdf_files import Rendering
from invoices.models.sections import Section
from invoices.models.taxes import TaxRate
from invoices.models.write_offs import WriteOff, WriteOffShare

__all__ = [
    "BalanceEntry",
    "BankAccount",
    "BankBooking",
    "BankLine",
    "BankStatement",
    "CustomerBalance",
    "Discount",
    "DocumentKind",
    "DunningAct",
    "DunningStep",
    "Invoice",
    "InvoiceLabels",
    "InvoiceNote",
    "InvoiceTax",
    "Line",
    "MerchantAccount",
    "MonthLock",
    "NumberSeries",
    "PayerAccount",
    "Payment",
    "PaymentAttempt",
    "PaymentMethod",
    "ProviderEvent",
    "Refund",
    "Rendering",
    "Section",
    "TaxRate",
    "WriteOff",
    "WriteOffShare",
]
