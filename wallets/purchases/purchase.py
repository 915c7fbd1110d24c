"""Buy a pack, and take a purchase back that nobody has paid."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser

from invoices.credit_notes import CannotCredit, credit
from invoices.documents.issue import issue, next_ids, write_lines
from invoices.models import Invoice
from lib.audit_log import change
from lib.failpoints import reached
from lib.formats import money, units
from plans.models import CreditPack
from wallets.credit_rules.packs import Bought
from wallets.credit_rules.topup_rule import MOST_PACKS
from wallets.credit_rules.units import InvalidAmount, checked
from wallets.models import Purchase, PurchaseState, Wallet
from wallets.models.wallets import CREDITS
from wallets.purchases.pack_terms import Terms, terms_of
from wallets.purchases.paid_grant import arrive
from wallets.purchases.purchase_invoice import invoice_of

MOST_REFERENCE = 120


class CannotBuy(Exception):
    """A pack cannot be bought, or a purchase not canceled; the text says why and what to do. field: which figure."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Order:
    """
    What is to be bought: so many packs, or so many units of one that sells them one by one.

    reference: whose request it is; once per wallet.
    """

    pack: str
    reference: str
    packs: int = 1
    units: Decimal | None = None


def buy(*, wallet_id: int, order: Order, at: datetime, by: AbstractBaseUser | None = None) -> Purchase:
    """
    Buy a pack into a wallet: invoice it, and grant it at once where the wallet is trusted; else when it is paid.

    The same reference again returns what it bought before.

    :raises CannotBuy: if the pack is not on sale for this wallet, the figures are none, or the reference names
        another purchase.
    """
    with change("buy credits", by=by, at=at, wallet=wallet_id):
        # Held to the end: two purchases into a wallet come one after the other, each before its invoice's number.
        wallet = _locked(wallet_id)
        if not order.reference.strip() or len(order.reference) > MOST_REFERENCE:
            raise CannotBuy(f"Name it in 1 to {MOST_REFERENCE} characters.", field="reference")
        found = Purchase.objects.filter(wallet=wallet, reference=order.reference).first()
        if found is not None:
            return _same(found, order)
        pack = CreditPack.objects.filter(code=order.pack).first()
        terms = _sold(pack, wallet, order, at)
        return _write(wallet, pack, terms, order, at=at, by=by)


def _locked(wallet_id: int) -> Wallet:
    rows = Wallet.objects.select_for_update(no_key=True, of=("self",)).select_related("customer")
    wallet = rows.filter(pk=wallet_id, closed_at__isnull=True).first()
    if wallet is None:
        raise CannotBuy("The wallet is closed: choose one that is open.", field="wallet")
    return wallet


def _same(found: Purchase, order: Order) -> Purchase:
    asked = order.packs if order.units is None else 1
    if (found.terms["code"], found.quantity) != (order.pack, asked) or order.units not in (None, found.units):
        raise CannotBuy(f"“{order.reference}” names another purchase already: use a new one.", field="reference")
    return found


def _sold(pack: CreditPack | None, wallet: Wallet, order: Order, at: datetime) -> Terms:
    """Return the terms that a pack is sold on into a wallet, once what is asked for fits them."""
    if pack is None or not pack.is_on_sale(at):
        raise CannotBuy(f"“{order.pack}” is not on sale: choose a pack that is.", field="pack")
    terms = terms_of(pack, str(wallet.currency))
    if terms is None:
        raise CannotBuy(f"{pack} has no price in {wallet.currency}: add one, or choose another pack.", field="pack")
    if terms.unit != wallet.unit:
        unit = "credits" if wallet.unit == CREDITS else f"money in {wallet.unit}"
        raise CannotBuy(f"The wallet holds {unit}, which {pack} is not: choose another pack or wallet.", field="pack")
    if wallet.unit != CREDITS and terms.is_taxed == wallet.pays_invoices:
        once = "tax it on those invoices" if wallet.pays_invoices else "tax it when it is bought"
        raise CannotBuy(f"{pack} would be taxed twice, or never: choose a pack that says to {once}.", field="pack")
    _check_quantity(pack, order)
    return terms


def _check_quantity(pack: CreditPack, order: Order) -> None:
    if pack.units is not None:
        if order.units is not None:
            raise CannotBuy(f"{pack} is sold by the pack: say how many packs.", field="units")
        if not 1 <= order.packs <= MOST_PACKS:
            raise CannotBuy(f"1 to {MOST_PACKS:,} packs can be bought at once.", field="packs")
        return
    if order.packs != 1:
        raise CannotBuy(f"{pack} is sold unit by unit: say how many units.", field="packs")
    try:
        amount = checked(Decimal(0) if order.units is None else order.units)
    except InvalidAmount as invalid:
        raise CannotBuy(str(invalid), field="units") from invalid
    if not (pack.least_units or 0) <= amount <= (pack.most_units or 0):
        least, most = (units(one or Decimal(0), "") for one in (pack.least_units, pack.most_units))
        raise CannotBuy(f"{pack} is sold from {least} to {most} units at a time.", field="units")


def _write(
    wallet: Wallet,
    pack: CreditPack | None,
    terms: Terms,
    order: Order,
    *,
    at: datetime,
    by: AbstractBaseUser | None,
) -> Purchase:
    currency = str(wallet.currency)
    result: Bought = terms.bought(order.packs, order.units, currency)
    if not result.net:
        raise CannotBuy(f"It comes to {money(result.net, currency)}: buy more of it.", field="units")
    (purchase_id,) = next_ids("wallets_purchase_id_seq", 1)
    draft = invoice_of(purchase_id, wallet.customer, terms, result, order.packs, currency, at=at)
    write_lines([draft])
    purchase = Purchase.objects.create(
        pk=purchase_id,
        wallet=wallet,
        pack=pack,
        terms=terms.as_json(),
        quantity=order.packs,
        units=result.units,
        bonus=result.bonus,
        net=result.net,
        currency=currency,
        invoice_id=draft.id,
        reference=order.reference,
        is_trusted=wallet.is_trusted,
        by_id=by.pk if by else None,
        created_at=at,
    )
    if purchase.is_trusted:
        arrive(purchase, at=at)
    reached("purchase.before_issue")
    issue([draft], at=at)
    purchase.refresh_from_db()
    return purchase


def cancel(
    *,
    purchase_id: int,
    reason: str,
    at: datetime,
    by: AbstractBaseUser | None = None,
    state: PurchaseState = PurchaseState.CANCELED,
) -> Purchase:
    """
    Let a purchase that nobody has paid come to nothing: a credit note voids its invoice. Again is no error.

    state: what has become of it: canceled, or failed where its payment was declined.

    :raises CannotBuy: if it was granted, or some of it is paid.
    """
    if not reason.strip():
        raise CannotBuy("Say why: the reason is printed on the credit note.", field="reason")
    with change("cancel purchase", by=by, at=at, purchase=purchase_id):
        purchase = Purchase.objects.get(pk=purchase_id)
        # The invoice first, as when it is paid: whoever comes second sees what the first has done.
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=purchase.invoice_id)
        purchase.refresh_from_db()
        if purchase.state in (PurchaseState.CANCELED, PurchaseState.FAILED):
            return purchase
        if purchase.state == PurchaseState.GRANTED:
            raise CannotBuy("What it bought is in the wallet: refund what is left of that.", field="purchase")
        if invoice.paid:
            paid = money(invoice.paid, str(invoice.currency))
            raise CannotBuy(f"{paid} of {invoice} is paid: have the rest paid, and refund it then.", field="purchase")
        Purchase.objects.filter(pk=purchase_id).update(state=state, ended_at=at, reason=reason)
        try:
            credit(invoice_id=invoice.pk, lines=None, reason=reason, to="offset", at=at, by=by)
        except CannotCredit as refused:
            raise CannotBuy(str(refused), field="purchase") from refused
        purchase.refresh_from_db()
        return purchase
