"""A customer who buys credit packs: paid, granted before payment, unpaid, and canceled."""

from datetime import timedelta
from decimal import Decimal

from billing.closing.voucher_usage import tax_voucher_usage
from customers.models import Customer
from invoices.credit_notes import RequestedCredit, issue_credit_note
from tests.builders import FEB, JAN, make_customer, make_feature, make_pack, make_wallet
from wallets.auto_topup import CeilingLimits, TopUpRuleRequest, run_topups, set_rule
from wallets.ledger.spend import spend
from wallets.models import Purchase, Wallet
from wallets.operations.invoice_payment import pay_invoices
from wallets.purchases import PackOrder, buy, cancel, receive_payment

DAY = timedelta(days=1)


def make_purchases() -> Wallet:
    """Buy credit packs and single credits, and top up a balance that pays invoices."""
    customer = make_customer("buyer", country="DE")
    wallet = make_wallet(customer, name="Bought")
    slabs = [(0, 10, 0), (200, 10, 5)]
    make_pack("hundred", slabs=slabs, valid_days=60, rolls_over=1, features=[make_feature("runs").code])
    make_pack("loose", units=None, least_units=10, most_units=500, prices={"USD": "0.1234"}, slabs=slabs)
    make_pack("balance", unit="money", is_taxed=False, prices={"USD": 95})
    first = _buy(wallet, "hundred", "paid")
    _pay(first, Decimal(10), "part")
    issue_credit_note(
        invoice_id=first.invoice_id, lines=[RequestedCredit(1, Decimal(9))], reason="Goodwill", to="offset", at=JAN
    )
    _pay(first, None, "rest")
    _buy(wallet, "loose", "pending", packs=1, units=Decimal("12.5"))
    cancel(purchase_id=_buy(wallet, "hundred", "unwanted", packs=2).pk, reason="By mistake", at=JAN + DAY)
    Wallet.objects.filter(pk=wallet.pk).update(is_trusted=True)
    _buy(wallet, "hundred", "trusted")
    Wallet.objects.filter(pk=wallet.pk).update(is_trusted=False)
    money = make_wallet(customer, name="Pays", unit="USD", pays_invoices=True)
    _pay(_buy(money, "balance", "balance"), None, "bank")
    pay_invoices(at=JAN + 2 * DAY)
    _buy(wallet, "loose", "later", packs=1, units=Decimal(20))
    _use_vouchers(customer)
    return wallet


def _use_vouchers(customer: Customer) -> None:
    """Use units of packs that are taxed when used, in two months; the first row of them has an invoice."""
    for includes_tax in (False, True):
        wallet = make_wallet(customer, name=f"Vouchers {includes_tax}")
        pack = make_pack(f"multi-{includes_tax}", is_taxed=False, includes_tax=includes_tax)
        _pay(_buy(wallet, pack.code, "voucher"), None, f"voucher {includes_tax}")
        for number, at in enumerate((JAN + 9 * DAY, FEB + 9 * DAY)):
            spend(wallet_id=wallet.pk, amount=Decimal(10), reference=f"use {number}", at=at)
            tax_voucher_usage(at=at + 31 * DAY)


def make_topups() -> None:
    """Top up a sandbox customer's wallets automatically: one top-up is paid, one is declined, one is pending."""
    customer = make_customer("reloading", sandbox=True)
    ceilings = [
        CeilingLimits("finance", "day", most=5),
        CeilingLimits("customer", "day", most=3, most_money=Decimal(500)),
    ]
    for payer in ("sandbox", "declining", "invoice"):
        wallet = make_wallet(customer, name=payer)
        request = TopUpRuleRequest("hundred", percent=Decimal(20), payer=payer, ceilings=ceilings)
        set_rule(wallet_id=wallet.pk, request=request, at=JAN)
    run_topups(at=JAN + DAY)


def _buy(wallet: Wallet, pack: str, reference: str, **order: object) -> Purchase:
    return buy(wallet_id=wallet.pk, order=PackOrder(pack, reference, **order), at=JAN)


def _pay(purchase: Purchase, amount: Decimal | None, reference: str) -> None:
    purchase.invoice.refresh_from_db()
    due = purchase.invoice.due if amount is None else amount
    receive_payment(invoice_id=purchase.invoice_id, amount=due, method="manual", reference=reference, at=JAN + DAY)
