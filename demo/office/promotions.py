"""Coupons with their redemptions and codes, credit packs, and automatic top-ups."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing.models import Subscription
from billing.subscriptions.terms.coupons import apply_coupon
from demo.office.office_data import FINANCE, live_customer, office_rows, staff
from plans.models import BonusSlab, Coupon, CreditPack, PackPrice, PromotionCode
from wallets.auto_topup.rules import TopUpRuleRequest, set_rule
from wallets.models import Wallet


@transaction.atomic
def add(*, at: datetime) -> bool:
    if Coupon.objects.exists():
        return False
    for coupon in office_rows("coupons"):
        _add_coupon(at=at, **coupon)
    for pack in office_rows("packs"):
        _add_pack(**pack)
    for topup in office_rows("topups"):
        wallet = Wallet.objects.get(customer=live_customer(topup["customer"]))
        rule = TopUpRuleRequest(
            pack=topup["pack"], threshold=Decimal(topup["threshold"]), is_on=topup.get("is_on", True)
        )
        set_rule(wallet_id=wallet.pk, request=rule, at=at, by=staff(FINANCE))
    return True


def _add_coupon(
    *,
    at: datetime,
    customers: list[str],
    promotion_codes: list[str] | None = None,
    percent: str | None = None,
    amount: str | None = None,
    **fields: Any,
) -> None:
    coupon = Coupon.objects.create(
        percent=Decimal(percent) if percent else None, amount=Decimal(amount) if amount else None, **fields
    )
    for code in promotion_codes or []:
        PromotionCode.objects.create(coupon=coupon, code=code)
    for customer in customers:
        subscription = Subscription.objects.running().get(customer=live_customer(customer))
        apply_coupon(subscription=subscription, coupon=coupon, at=at, by=staff(FINANCE))


def _add_pack(*, prices: dict[str, str], bonus: list[dict[str, str]] | None = None, **fields: Any) -> None:
    amounts = {name: Decimal(fields.pop(name)) for name in ("units", "least_units", "most_units") if name in fields}
    pack = CreditPack.objects.create(**amounts, **fields)
    for currency, price in prices.items():
        PackPrice.objects.create(pack=pack, currency=currency, price=Decimal(price))
    for slab in bonus or []:
        BonusSlab.objects.create(pack=pack, least=Decimal(slab["least"]), percent=Decimal(slab["percent"]))
