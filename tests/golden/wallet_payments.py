"""Runs a case of wallets.json in which a money wallet pays invoices."""

from decimal import Decimal

from invoices.amounts.totals import Tax, total_up
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, JAN, make_customer, make_wallet
from tests.golden.cases import Case, Figures
from wallets.ledger.grant import Grant, grant
from wallets.operations.invoice_payment import pay_from_wallet

D = Decimal


def apply_to_invoices(case: Case) -> Figures:
    """Issue the invoices with their tax, and pay each from the wallet, for any billed metrics."""
    params, currency = case["params"], case["currency"]
    customer = make_customer(currency=currency)
    wallet = make_wallet(customer, unit=currency, currency=currency, pays_invoices=True)
    balance = D(params["balance"])
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", balance, "case", cost=balance)], at=JAN)
    tax = Tax("VAT", D(params["tax_percent"]))
    payments = []
    for invoice_params in params["invoices"]:
        totals = total_up([(D(line["amount"]), tax) for line in invoice_params["lines"]], currency)
        invoice = make_invoice(customer, net=str(totals.net), tax=str(totals.tax))
        paid = pay_from_wallet(wallet_id=wallet.pk, invoice_id=invoice.pk, at=FEB)
        wallet.refresh_from_db()
        prepaid = paid.amount if paid else D(0)
        payments.append(
            {"total": f"{totals.total:.2f}", "prepaid": f"{prepaid:.2f}", "balance_after": f"{wallet.balance:.2f}"}
        )
    return {"invoices": payments}
