"""
On the coupon page: redemptions and discounts so far. On the pages of a subscription and a customer: their coupons.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from billing import subscriptions
from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.closing.coupon_balance import coupon_balance
from billing.models import Redemption, Subscription
from billing.models.redemptions import RedemptionQuerySet
from customers.customer_time import current_time
from customers.models import Customer
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response, StaffForm
from lib.admin.columns import column, display
from lib.admin.number_fields import number_cell
from lib.audit_log import audited_transaction
from lib.formats import format_money, format_number
from plans.admin.catalog.coupons import CouponAdmin, discount_of, lasting, lasting_for_customer
from plans.models import Coupon

# Amounts of coupon lines by coupon or redemption; lines are negative, so the sign is flipped.
_GIVEN = """
SELECT r.{of}, l.currency, -sum(l.amount) FROM billing_redemption r
JOIN billing_couponline c ON c.redemption_id = r.id JOIN invoices_line l ON l.id = c.line_id
WHERE r.{of} = ANY(%s) GROUP BY 1, 2 ORDER BY 1, 2
"""


def discounts_so_far(ids: list[int], *, column: str) -> dict[int, str]:
    """Return the discounts of coupons (column="coupon_id") or redemptions (column="id") as text."""
    texts: dict[int, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN.format(of=column), [ids])
        for id_, currency, amount in cursor.fetchall():
            texts.setdefault(id_, []).append(format_money(amount, currency))
    return {id_: " + ".join(amounts) for id_, amounts in texts.items()}


class ArchiveCoupon(ConfirmedAction[Coupon]):
    label, icon, variant, verb = _("Archive"), "archive", ActionVariant.DANGER, _("Archive coupon")
    permission = "plans.change_coupon"
    danger = True
    is_offered = staticmethod(lambda coupon: coupon.archived_at is None)

    def preview(self, coupon: Coupon) -> Preview:
        held = coupon.redemptions.filter(ended_at__isnull=True).count()
        return Preview(
            title=gettext("Archive %(coupon)s") % {"coupon": coupon},
            consequences=[
                gettext(
                    "The coupon can't be redeemed anymore, and its promotions and codes stop. This can't be undone."
                ),
                ngettext(
                    "%(count)s subscription or customer keeps it. You can remove it there.",
                    "%(count)s subscriptions and customers keep it. You can remove it from each.",
                    held,
                )
                % {"count": format_number(held)},
            ],
        )

    def run(self, coupon: Coupon) -> Response:
        at = timezone.now()
        with audited_transaction("archive coupon", by=self.user, at=at):
            Coupon.objects.filter(pk=coupon.pk, archived_at__isnull=True).update(archived_at=at)
        return self.done(gettext("%(coupon)s is archived.") % {"coupon": coupon})


class CouponRedemptions(CouponAdmin):
    """A part of the coupon page (config/admin_site/pages.py)."""

    archive = ArchiveCoupon.as_action()

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        amounts = discounts_so_far([coupon.pk for coupon in rows], column="coupon_id")
        for coupon in rows:
            coupon.given_so_far = amounts.get(coupon.pk, "")

    @display(description=_("Redemptions"), ordering="redeemed")
    def redeemed_shown(self, coupon: Coupon) -> str:
        count = format_number(coupon.redeemed)
        if not coupon.most_redemptions:
            return number_cell(count)
        limit = {"count": count, "limit": format_number(coupon.most_redemptions)}
        return number_cell(gettext("%(count)s of %(limit)s") % limit)

    given = column(_("Discounts so far"), lambda coupon: number_cell(coupon.given_so_far))


# On a subscription ----------------------------------------------------------------------------------------------


class CouponChoiceForm(StaffForm):
    coupon = forms.ModelChoiceField(label=_("Coupon"), queryset=Coupon.objects.none())

    def __init__(self, *args: Any, redeemable: QuerySet[Coupon], held: QuerySet[Redemption], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held_ids = held.filter(ended_at__isnull=True).values("coupon")
        self.fields["coupon"].queryset = redeemable.exclude(pk__in=held_ids).order_by("code")
        self.fields["coupon"].label_from_instance = choice


def choice(coupon: Coupon) -> str:
    """Return the label of a coupon in a list of choices."""
    return f"{coupon.code}: {coupon_summary(coupon)}"


def coupon_summary(coupon: Coupon) -> str:
    """Return “20% off the first 3 invoices”."""
    return gettext("%(discount)s off %(invoices)s") % {
        "discount": discount_of(coupon),
        "invoices": lasting(coupon),
    }


class GiveCoupon(SubscriptionAction):
    label = verb = _("Apply coupon")
    icon = "confirmation_number"
    permission = "billing.add_redemption"
    refusals = (subscriptions.CouponRefused,)
    refusal_field = "coupon"
    title = _("Apply a coupon for {.customer}")
    consequences = (
        _("It discounts the next invoices, after the coupons that the subscription already has."),
        _("Issued invoices don't change."),
    )

    def make_form(self, subscription: Subscription) -> forms.Form:
        redeemable = Coupon.objects.redeemable(current_time(subscription.customer)).filter(
            Q(plans=[]) | Q(plans__contains=[subscription.version.plan.code]),
            currency__in=["", subscription.currency],
        )
        held = Redemption.objects.filter(Q(subscription=subscription) | Q(customer=subscription.customer_id))
        return CouponChoiceForm(self.posted, redeemable=redeemable, held=held)

    def run(self, subscription: Subscription) -> Response:
        coupon = self.choices["coupon"]
        subscriptions.apply_coupon(subscription=subscription, coupon=coupon, at=self.at, by=self.user)
        text = gettext("%(coupon)s applies to %(customer)s from the next invoice on.")
        return self.done(text % {"coupon": coupon, "customer": subscription.customer})


class GiveCustomerCoupon(ConfirmedAction[Customer]):
    label = verb = _("Apply coupon")
    icon = "confirmation_number"
    permission = "billing.add_redemption"
    is_offered = staticmethod(lambda customer: customer.erased_at is None)
    refusals = (subscriptions.CouponRefused,)
    refusal_field = "coupon"
    title = _("Apply a coupon for all subscriptions of {}")
    consequences = (
        _("It discounts the next invoices of all subscriptions, after the coupons that they already have."),
        _("An amount is available once per coupon period, for all invoices together."),
        _("Issued invoices don't change."),
    )

    def make_form(self, customer: Customer) -> forms.Form:
        currencies = ["", str(customer.currency), *customer.subscriptions.values_list("currency", flat=True)]
        redeemable = Coupon.objects.redeemable(current_time(customer)).filter(currency__in=currencies)
        return CouponChoiceForm(self.posted, redeemable=redeemable, held=Redemption.objects.of_customer(customer.pk))

    def run(self, customer: Customer) -> Response:
        coupon = self.choices["coupon"]
        subscriptions.apply_customer_coupon(customer=customer, coupon=coupon, at=current_time(customer), by=self.user)
        text = gettext("%(coupon)s applies to %(customer)s from the next invoice on.")
        return self.done(text % {"coupon": coupon, "customer": customer})


def customer_coupons(customer: Customer, *, at: datetime) -> list[dict[str, Any]]:
    """Return the customer's own coupons for its page, with the amount that each has left, in two queries."""
    redemptions = list(Redemption.objects.with_taken().filter(customer=customer).order_by("position"))
    amounts = discounts_so_far([redemption.pk for redemption in redemptions], column="id")
    return [
        {
            "redemption": redemption,
            "value": discount_of(redemption.coupon),
            "lasts": lasting_for_customer(redemption.coupon),
            "left": _left(redemption, at),
            "given": amounts.get(redemption.pk, ""),
        }
        for redemption in redemptions
    ]


def _left(redemption: Redemption, at: datetime) -> str:
    left = coupon_balance(redemption, at=at).left
    return "" if left is None else format_money(left, redemption.coupon.currency)


def coupons_of(subscription: Subscription) -> list[dict[str, Any]]:
    """Return the coupons of a subscription for its page, in two queries."""
    redemptions = list(Redemption.objects.with_use().filter(subscription=subscription).order_by("position"))
    amounts = discounts_so_far([redemption.pk for redemption in redemptions], column="id")
    return [
        {
            "redemption": redemption,
            "value": discount_of(redemption.coupon),
            "lasts": lasting(redemption.coupon),
            "used": _used(redemption),
            "given": amounts.get(redemption.pk, ""),
        }
        for redemption in redemptions
    ]


def _used(redemption: Redemption) -> str:
    limit, used = redemption.coupon.documents, format_number(redemption.used)
    if limit is None or redemption.customer_id is not None:
        return used
    return gettext("%(count)s of %(limit)s") % {"count": used, "limit": format_number(limit)}


class TakeCouponAway(ConfirmedAction[Redemption]):
    label, icon, variant, verb = _("Remove"), "remove_circle", ActionVariant.DANGER, _("Remove coupon")
    permission = "billing.change_redemption"
    danger = True
    is_offered = staticmethod(lambda redemption: redemption.ended_at is None)
    title = _("Remove {0.coupon} from {0.holder}")
    consequences = (_("Later invoices are not discounted."), _("Issued invoices keep their discount."))

    def run(self, redemption: Redemption) -> Response:
        at = current_time(redemption.owner)
        subscriptions.remove_coupon(redemption=redemption, at=at, reason=self.reason[:200], by=self.user)
        text = gettext("%(coupon)s is removed; later invoices are not discounted.") % {"coupon": redemption.coupon}
        return self.done(text, to=redemption.holder)


@admin.register(Redemption)
class RedemptionAdmin(ReadOnlyAdmin):
    seller_paths = ("subscription__seller", "customer__seller")
    list_display = ("coupon", "subscription", "customer", "position", "since", "used_shown", "ended_at")
    list_select_related = ("coupon", "subscription", "customer")
    search_fields = ("coupon__code", "subscription__external_id", "customer__external_id")
    search_help_text = _("Coupon code, subscription ID, or customer ID")
    empty_text = _("Apply coupons on the page of a subscription or customer.")
    fields = (
        *("subscription", "customer", "coupon", "takes_off", "position", "since", "used_shown", "given"),
        *("promotion", "promotion_code"),
        *("redeemed_by", "ended_at", "ended_reason"),
    )
    actions_detail = ("remove",)

    remove = TakeCouponAway.as_action()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        return cast(RedemptionQuerySet, super().get_queryset(request)).with_use()

    @display(description=_("Discount"))
    def takes_off(self, redemption: Redemption) -> str:
        if redemption.customer_id is None:
            return coupon_summary(redemption.coupon)
        values = {"discount": discount_of(redemption.coupon), "periods": lasting_for_customer(redemption.coupon)}
        return gettext("%(discount)s, %(periods)s") % values

    used_shown = column(_("Invoices so far"), _used)

    @display(description=_("Discounts so far"))
    def given(self, redemption: Redemption) -> str:
        return discounts_so_far([redemption.pk], column="id").get(
            redemption.pk, format_money(Decimal(0), redemption.currency)
        )
