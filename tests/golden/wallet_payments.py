"""Runs a case of wallets.json in which a money wallet pays invoices."""

from collections.abc import Sequence
from decimal import Decimal

from invoices.amounts.totals import Tax, total_up
from invoices.models import Invoice
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, JAN, make_customer, make_wallet
from tests.golden.case_figures import Figures
from tests.golden.cases import Case
from wallets.ledger.grant import Grant, grant
from wallets.operations.invoice_payment import pay_from_wallet

D = Decimal


class InvoicePayer:
    """A customer with a wallet that pays invoices, all of them taxed by one rate."""

    def __init__(self, currency: str, balance: Decimal, tax: Tax) -> None:
        self.customer, self.currency, self.tax = make_customer(currency=currency), currency, tax
        self.wallet = make_wallet(self.customer, unit=currency, currency=currency, pays_invoices=True)
        grant(wallet_id=self.wallet.pk, grants=[Grant("purchased", balance, "case", cost=balance)], at=JAN)

    def pay(self, lines: Sequence[Decimal]) -> Invoice:
        """Issue an invoice of these lines, and pay it from the wallet as far as it goes."""
        totals = total_up([(line, self.tax) for line in lines], self.currency)
        invoice = make_invoice(self.customer, net=str(totals.net), tax=str(totals.tax))
        pay_from_wallet(wallet_id=self.wallet.pk, invoice_id=invoice.pk, at=FEB)
        invoice.refresh_from_db()
        self.wallet.refresh_from_db()
        return invoice


def apply_to_invoices(case: Case) -> Figures:
    """Issue the invoices with their tax, and pay each from a wallet for all metrics that they bill."""
    params = case["params"]
    billed = [line["metric"] for invoice in params["invoices"] for line in invoice["lines"]]
    assert {*billed} <= {*params["metrics"]}, "with us a wallet pays an invoice as a whole"
    payer = InvoicePayer(case["currency"], D(params["balance"]), Tax("VAT", D(params["tax_percent"])))
    payments = []
    for described in params["invoices"]:
        invoice = payer.pay([D(line["amount"]) for line in described["lines"]])
        payments.append(
            {"total": invoice.total.amount, "prepaid": invoice.paid, "balance_after": payer.wallet.balance}
        )
    return {"invoices": payments}
