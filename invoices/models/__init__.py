from invoices.models.balances import BalanceEntry, CustomerBalance
from invoices.models.discounts import Discount
from invoices.models.dunning import DunningAct, DunningStep
from invoices.models.invoices import Invoice, InvoiceTax, Line
from invoices.models.month_locks import MonthLock
from invoices.models.numbering import DocumentKind, NumberSeries
from invoices.models.payment_attempts import Charge, Instrument, PayerAccount, ProviderEvent, Refund
from invoices.models.payments import Payment
from invoices.models.pdf_files import Rendering
from invoices.models.sections import Section
from invoices.models.taxes import TaxRate

__all__ = [
    "BalanceEntry",
    "Charge",
    "CustomerBalance",
    "Discount",
    "DocumentKind",
    "DunningAct",
    "DunningStep",
    "Instrument",
    "Invoice",
    "InvoiceTax",
    "Line",
    "MonthLock",
    "NumberSeries",
    "PayerAccount",
    "Payment",
    "ProviderEvent",
    "Refund",
    "Rendering",
    "Section",
    "TaxRate",
]
