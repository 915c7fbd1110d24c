"""
On the coupon page: redemptions and discounts so far. On the subscription page: adding coupons and removing them.
"""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from billing import subscriptions
from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.models import Redemption, Subscription
from customers.customer_time import current_time
from lib.admin.confirmed_actions import ConfirmedAction, Preview
from lib.admin.number_fields import number_cell
from lib.admin.staff_admin import ReadOnlyAdmin
from lib.audit_log import audited_transaction
from lib.formats import format_money, format_number
from plans.admin.catalog.coupons import CouponAdmin, discount_of, lasting
from plans.models import Coupon

# Amounts of coupon lines by coupon or redemption; lines are negative, so the sign is flipped.
_GIVEN = """
SELECT r.{of}, l.currency, -sum(l.amount) FROM billing_redemption r
JOIN billing_couponline c ON c.redemption_id = r.id JOIN invoices_line l ON l.id = c.line_id
WHERE r.{of} = ANY(%s) GROUP BY 1, 2 ORDER BY 1, 2
"""


def discounts_so_far(ids: list[int], *, column: str) -> dict[int, str]:
    """Return the discounts so far of coupons (column="coupon_id") or redemptions (column="id"), as text."""
    texts: dict[int, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN.format(of=column), [ids])
        for id_, currency, amount in cursor.fetchall():
            texts.setdefault(id_, []).append(format_money(amount, currency))
    return {id_: " + ".join(amounts) for id_, amounts in texts.items()}


class ArchiveCoupon(ConfirmedAction[Coupon]):
    """Give the coupon to nobody any more."""

    label, icon, variant, verb = "Archive", "archive", ActionVariant.DANGER, "Archive coupon"
    permission = "plans.change_coupon"
    danger = True

    @staticmethod
    def is_offered(coupon: Coupon) -> bool:
        return coupon.archived_at is None

    def preview(self, coupon: Coupon) -> Preview:
        held = coupon.redemptions.filter(ended_at__isnull=True).count()
        return Preview(
            title=f"Archive {coupon}",
            consequences=[
                "It is given to nobody any more, by no promotion either. This cannot be undone.",
                f"{format_number(held)} subscriptions hold it and keep it; take it away from each where that is "
                "wanted.",
            ],
        )

    def run(self, coupon: Coupon) -> HttpResponseBase:
        at = timezone.now()
        with audited_transaction("archive coupon", by=self.user, at=at):
            Coupon.objects.filter(pk=coupon.pk, archived_at__isnull=True).update(archived_at=at)
        return self.done(f"{coupon} is archived.")


class CouponRedemptions(CouponAdmin):
    """A part of the coupon page (config/admin_site/pages/coupon.py)."""

    archive = ArchiveCoupon.as_action()

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the discounts of all coupons on the page in one query."""
        changelist = super().get_changelist_instance(request)
        amounts = discounts_so_far([coupon.pk for coupon in changelist.result_list], column="coupon_id")
        for coupon in changelist.result_list:
            coupon.given_so_far = amounts.get(coupon.pk, "")
        return changelist

    @display(description="Given", ordering="redeemed")
    def redeemed_shown(self, coupon: Coupon) -> str:
        limit = f" of {format_number(coupon.most_redemptions)}" if coupon.most_redemptions else ""
        return number_cell(f"{format_number(coupon.redeemed)}{limit}")

    @display(description="Worth so far")
    def given(self, coupon: Any) -> str:
        return number_cell(coupon.given_so_far)


# On a subscription ----------------------------------------------------------------------------------------------


class CouponChoiceForm(forms.Form):
    coupon = forms.ModelChoiceField(queryset=Coupon.objects.none(), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        redeemable = Coupon.objects.redeemable(current_time(subscription.customer)).filter(
            currency__in=["", subscription.currency]
        )
        held = subscription.redemptions.filter(ended_at__isnull=True).values("coupon")
        self.fields["coupon"].queryset = redeemable.exclude(pk__in=held).order_by("code")
        self.fields["coupon"].label_from_instance = choice


def choice(coupon: Coupon) -> str:
    """Return the label of a coupon in a list of choices."""
    return f"{coupon.code}: {discount_of(coupon)} off, on {lasting(coupon)}"


class GiveCoupon(SubscriptionAction):
    """Give the subscription a coupon."""

    label = verb = "Give coupon"
    icon = "confirmation_number"
    permission = "billing.add_redemption"
    refusals = (subscriptions.CouponRefused,)

    def make_form(self, subscription: Subscription) -> forms.Form:
        return CouponChoiceForm(self.posted, subscription=subscription)

    def preview(self, subscription: Subscription) -> Preview:
        return Preview(
            title=f"Give {subscription.customer} a coupon",
            consequences=[
                "It is taken off the next invoices, after the coupons that the subscription holds already.",
                "Invoices that are issued do not change.",
            ],
        )

    def run(self, subscription: Subscription) -> HttpResponseBase:
        coupon = self.choices["coupon"]
        subscriptions.apply_coupon(subscription=subscription, coupon=coupon, at=self.at, by=self.user)
        return self.done(f"{subscription.customer} has {coupon} from the next invoice on.")

    def field_of(self, refusal: Exception) -> str:
        return "coupon"


def coupons_of(subscription: Subscription) -> list[dict[str, Any]]:
    """Return the coupons of a subscription for its page, in two queries."""
    redemptions = list(Redemption.objects.with_use().filter(subscription=subscription).order_by("position"))
    amounts = discounts_so_far([redemption.pk for redemption in redemptions], column="id")
    return [
        {
            "pk": redemption.pk,
            "code": redemption.coupon.code,
            "value": discount_of(redemption.coupon),
            "lasts": lasting(redemption.coupon),
            "used": _used(redemption),
            "given": amounts.get(redemption.pk, ""),
            "since": redemption.since,
            "ended_at": redemption.ended_at,
        }
        for redemption in redemptions
    ]


def _used(redemption: Any) -> str:
    limit = redemption.coupon.documents
    return (
        format_number(redemption.used)
        if limit is None
        else f"{format_number(redemption.used)} of {format_number(limit)}"
    )


class TakeCouponAway(ConfirmedAction[Redemption]):
    """End a coupon of a subscription."""

    label, icon, variant, verb = "Take away", "remove_circle", ActionVariant.DANGER, "Take coupon away"
    permission = "billing.change_redemption"
    danger = True

    @staticmethod
    def is_offered(redemption: Redemption) -> bool:
        return redemption.ended_at is None

    def preview(self, redemption: Redemption) -> Preview:
        return Preview(
            title=f"Take {redemption.coupon} away from {redemption.subscription}",
            consequences=["Later invoices are without it.", "Invoices that are issued keep what it took off."],
        )

    def run(self, redemption: Redemption) -> HttpResponseBase:
        at = current_time(redemption.subscription.customer)
        subscriptions.remove_coupon(redemption=redemption, at=at, reason=self.reason[:200], by=self.user)
        text = f"{redemption.coupon} is taken away; later invoices are without it."
        return self.done(text, to=redemption.subscription)


@admin.register(Redemption)
class RedemptionAdmin(ReadOnlyAdmin):
    list_display = ("coupon", "subscription", "position", "since", "used_shown", "ended_at")
    list_select_related = ("coupon", "subscription")
    search_fields = ("coupon__code", "subscription__external_id")
    search_help_text = "A coupon's code, or a subscription's id"
    fields = (
        *("subscription", "coupon", "takes_off", "position", "since", "used_shown", "given", "promotion"),
        *("redeemed_by", "ended_at", "ended_reason"),
    )
    actions_detail = ("remove",)

    remove = TakeCouponAway.as_action()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        return super().get_queryset(request).with_use()

    @display(description="Takes off")
    def takes_off(self, redemption: Redemption) -> str:
        return f"{discount_of(redemption.coupon)}, on {lasting(redemption.coupon)}"

    @display(description="Invoices so far")
    def used_shown(self, redemption: Any) -> str:
        return _used(redemption)

    @display(description="Worth so far")
    def given(self, redemption: Redemption) -> str:
        return discounts_so_far([redemption.pk], column="id").get(
            redemption.pk, format_money(Decimal(0), redemption.subscription.currency)
        )
