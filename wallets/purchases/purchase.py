"""Buy a pack, and cancel a purchase that is not paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from invoices.credit_notes import CreditRefused, issue_credit_note
from invoices.documents.issue import issue, next_ids, write_lines
from invoices.models import Invoice
from lib.audit_log import audited_transaction
from lib.failpoints import hit_failpoint
from lib.formats import format_money, format_units
from plans.models import CreditPack, Feature
from plans.models.catalog import FeatureKind
from wallets.credit_rules.packs import PurchaseAmounts
from wallets.credit_rules.topup_rule import MAX_PACKS
from wallets.credit_rules.units import InvalidAmount, check_amount
from wallets.models import Purchase, PurchaseState, Wallet
from wallets.models.wallets import CREDITS
from wallets.purchases.pack_terms import PackTerms, current_terms
from wallets.purchases.paid_grant import grant_purchase
from wallets.purchases.purchase_invoice import draft_invoice

# The size of the column.
MAX_REFERENCE_LENGTH = 120


class PurchaseRefused(Exception):
    """
    The pack can't be bought, or the purchase can't be canceled; the text gives the reason and the remedy. field: the
    argument at fault.
    """

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class PackOrder:
    """
    An order of packs, or of units for packs sold unit by unit.

    reference: of the request; unique per wallet. features: codes of the features that the units are for, among those
        of the pack; those of the pack if empty.
    """

    pack: str
    reference: str
    packs: int = 1
    units: Decimal | None = None
    features: Sequence[str] = ()


def buy(*, wallet_id: int, order: PackOrder, at: datetime, by: User | None = None) -> Purchase:
    """
    Buy a pack into a wallet: invoice it, and grant it at once if the wallet is trusted, or else when it is paid.

    Repeating the same reference returns the same purchase.

    :raises PurchaseRefused: if the pack is not on sale for this wallet, the quantity is invalid, or the reference
        belongs to a different purchase.
    """
    with audited_transaction("buy credits", by=by, at=at, wallet=wallet_id):
        # Locked until the end: purchases into a wallet happen one after the other, and each locks before its
        # invoice's number.
        wallet = _lock_wallet(wallet_id)
        if not order.reference.strip() or len(order.reference) > MAX_REFERENCE_LENGTH:
            raise PurchaseRefused(
                _("The reference must have 1 to %(most)s characters.") % {"most": MAX_REFERENCE_LENGTH},
                field="reference",
            )
        existing = Purchase.objects.filter(wallet=wallet, reference=order.reference).first()
        if existing is not None:
            return _check_same_order(existing, order)
        pack = _find_on_sale(order.pack, at)
        terms = _check_order(pack, wallet, order)
        return _write_purchase(wallet, pack, terms, order, at=at, by=by)


def _lock_wallet(wallet_id: int) -> Wallet:
    rows = Wallet.objects.select_for_update(no_key=True, of=("self",)).select_related("customer")
    wallet = rows.filter(pk=wallet_id, closed_at__isnull=True).first()
    if wallet is None:
        raise PurchaseRefused(_("The wallet is closed. Choose an open wallet."), field="wallet")
    return wallet


def _check_same_order(purchase: Purchase, order: PackOrder) -> Purchase:
    quantity = order.packs if order.units is None else 1
    is_same = (
        (purchase.terms["code"], purchase.quantity) == (order.pack, quantity)
        and order.units in (None, purchase.units)
        and (not order.features or set(_feature_ids(order.features).values()) == set(purchase.terms["features"]))
    )
    if not is_same:
        raise PurchaseRefused(
            _("Another purchase already uses the reference “%(reference)s”. Use a new one.")
            % {"reference": order.reference},
            field="reference",
        )
    return purchase


def _find_on_sale(code: str, at: datetime) -> CreditPack:
    pack = CreditPack.objects.filter(code=code).first()
    if pack is None or not pack.is_on_sale(at):
        text = _("“%(pack)s” is not on sale. Choose another pack.")
        raise PurchaseRefused(text % {"pack": code}, field="pack")
    return pack


def _check_order(pack: CreditPack, wallet: Wallet, order: PackOrder) -> PackTerms:
    """Return the terms of a pack for a wallet, after checking that the order fits them."""
    terms = current_terms(pack, str(wallet.currency))
    if terms is None:
        text = _("%(pack)s has no price in %(currency)s. Choose another pack.")
        raise PurchaseRefused(text % {"pack": pack, "currency": wallet.currency}, field="pack")
    if terms.unit != wallet.unit:
        if wallet.unit == CREDITS:
            text = _("The wallet holds credits, and %(pack)s contains money. Choose another pack or wallet.")
        else:
            text = _("The wallet holds %(unit)s, and %(pack)s does not. Choose another pack or wallet.")
        raise PurchaseRefused(text % {"pack": pack, "unit": wallet.unit}, field="pack")
    if wallet.pays_invoices and terms.is_taxed:
        text = _("%(pack)s would be taxed twice. Choose a pack that is taxed when it is used.")
        raise PurchaseRefused(text % {"pack": pack}, field="pack")
    _check_quantity(pack, order)
    return _restrict(terms, pack, order) if order.features else terms


def _restrict(terms: PackTerms, pack: CreditPack, order: PackOrder) -> PackTerms:
    """Return the terms for the ordered features only."""
    ids = _feature_ids(order.features)
    others = [code for code in order.features if code not in ids or (pack.features and code not in pack.features)]
    if others:
        text = _("%(pack)s can't pay for the feature “%(feature)s”. Choose other features, or none.")
        raise PurchaseRefused(text % {"pack": pack, "feature": others[0]}, field="features")
    return msgspec.structs.replace(terms, features=tuple(sorted(ids.values())))


def _feature_ids(codes: Sequence[str]) -> dict[str, int]:
    """Return the ids of metered features, by code; nothing else is paid from a wallet."""
    features = Feature.objects.filter(code__in=codes, kind=FeatureKind.METERED)
    return dict(features.values_list("code", "pk"))


def _check_quantity(pack: CreditPack, order: PackOrder) -> None:
    if pack.units is not None:
        if order.units is not None:
            text = _("%(pack)s has a fixed size. Enter a number of packs instead of a quantity.")
            raise PurchaseRefused(text % {"pack": pack}, field="units")
        if not 1 <= order.packs <= MAX_PACKS:
            text = _("Enter 1 to %(most)s packs.")
            raise PurchaseRefused(text % {"most": f"{MAX_PACKS:,}"}, field="packs")
        return
    if order.packs != 1:
        text = _("%(pack)s has no fixed size. Enter a quantity instead of a number of packs.")
        raise PurchaseRefused(text % {"pack": pack}, field="packs")
    try:
        amount = check_amount(Decimal(0) if order.units is None else order.units)
    except InvalidAmount as invalid:
        text = _("Enter a quantity above zero with at most 12 decimal places.")
        raise PurchaseRefused(text, field="units") from invalid
    if not (pack.least_units or 0) <= amount <= (pack.most_units or 0):
        least, most = (format_units(limit or Decimal(0), "") for limit in (pack.least_units, pack.most_units))
        text = _("Enter a quantity from %(least)s to %(most)s for %(pack)s.")
        raise PurchaseRefused(text % {"pack": pack, "least": least, "most": most}, field="units")


def _write_purchase(
    wallet: Wallet,
    pack: CreditPack,
    terms: PackTerms,
    order: PackOrder,
    *,
    at: datetime,
    by: User | None,
) -> Purchase:
    currency = str(wallet.currency)
    amounts: PurchaseAmounts = terms.purchase_amounts(order.packs, order.units, currency)
    if not amounts.net:
        text = _("The price of this quantity is %(amount)s. Enter a larger quantity.")
        raise PurchaseRefused(text % {"amount": format_money(amounts.net, currency)}, field="units")
    (purchase_id,) = next_ids("wallets_purchase_id_seq", 1)
    draft = draft_invoice(purchase_id, wallet, terms, amounts, order.packs, currency, at=at)
    write_lines([draft])
    purchase = Purchase.objects.create(
        pk=purchase_id,
        wallet=wallet,
        pack=pack,
        terms=terms.as_json(),
        quantity=order.packs,
        units=amounts.units,
        bonus=amounts.bonus,
        net=amounts.net,
        currency=currency,
        invoice_id=draft.id,
        reference=order.reference,
        is_trusted=wallet.is_trusted,
        by_id=by.pk if by else None,
        created_at=at,
    )
    # Before the invoice is issued: nothing slow or likely to fail may follow the taking of its number.
    if purchase.is_trusted:
        grant_purchase(purchase, at=at)
    hit_failpoint("purchase.before_issue")
    issue([draft], at=at)
    purchase.refresh_from_db()
    return purchase


def cancel(
    *,
    purchase_id: int,
    reason: str,
    at: datetime,
    by: User | None = None,
    state: PurchaseState = PurchaseState.CANCELED,
) -> Purchase:
    """
    Cancel a purchase that is not paid: a credit note voids its invoice. Repeating it is no error.

    state: canceled, or failed if its payment was declined.

    :raises PurchaseRefused: if it was granted, or part of it is paid.
    """
    if not reason.strip():
        raise PurchaseRefused(_("Enter a reason; it is printed on the credit note."), field="reason")
    with audited_transaction("cancel purchase", by=by, at=at, purchase=purchase_id):
        purchase = Purchase.objects.get(pk=purchase_id)
        # The invoice first, as for a payment: the later of the two sees the outcome of the earlier.
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=purchase.invoice_id)
        purchase.refresh_from_db()
        if purchase.state in (PurchaseState.CANCELED, PurchaseState.FAILED):
            return purchase
        if purchase.state == PurchaseState.GRANTED:
            raise PurchaseRefused(_("The purchase was granted already. Refund its lot instead."), field="purchase")
        if invoice.paid:
            text = _("%(amount)s of %(invoice)s is paid. Wait for the full payment, then refund the units.")
            paid = format_money(invoice.paid, str(invoice.currency))
            text = _("%(paid)s of %(invoice)s is paid. Collect the rest first, then refund the purchase.")
            raise PurchaseRefused(text % {"paid": paid, "invoice": invoice}, field="purchase")
        Purchase.objects.filter(pk=purchase_id).update(state=state, ended_at=at, reason=reason)
        try:
            issue_credit_note(invoice_id=invoice.pk, lines=None, reason=reason, to="offset", at=at, by=by)
        except CreditRefused as refused:
            raise PurchaseRefused(str(refused), field="purchase") from refused
        purchase.refresh_from_db()
        return purchase
