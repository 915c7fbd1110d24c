"""Reservations: value held for upcoming usage, and how each ended."""

from decimal import Decimal

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.limits.reservations import release
from billing.limits.reservations.errors import ReservationRefused
from billing.models import Reservation
from billing.models.reservations import ReservationState
from customers.customer_time import current_time, loaded_current_time
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response
from lib.admin.columns import Column, amount_column, display, text_column
from lib.formats import format_number, format_units
from lib.translation import Text


class ReleaseReservation(ConfirmedAction[Reservation]):
    """Release a reservation that its product does not release."""

    label, icon, verb = _("Release"), "lock_open", _("Release reservation")
    permission = "billing.change_reservation"
    refusals = (ReservationRefused,)

    def preview(self, reservation: Reservation) -> Preview:
        return Preview(
            title=gettext("Release %(quantity)s of %(customer)s")
            % {
                "quantity": format_units(reservation.quantity, _unit_of(reservation)),
                "customer": reservation.customer,
            },
            consequences=[
                gettext("Its hold on caps and wallets ends at once."),
                gettext("Your product can't commit it afterwards; it must report the usage as an event instead."),
            ],
        )

    def run(self, reservation: Reservation) -> Response:
        release(reservation_id=reservation.pk, at=current_time(reservation.customer))
        return self.done(gettext("The reservation is released."))


def _unit_of(reservation: Reservation) -> str:
    meter = reservation.plan_feature.feature.meter
    return meter.unit if meter else ""


def _quantity_column(name: str, heading: Text) -> Column:
    def read(reservation: Reservation) -> tuple[Decimal, str] | None:
        quantity: Decimal | None = getattr(reservation, name)
        return None if quantity is None else (quantity, _unit_of(reservation))

    return amount_column(read, format_units, heading)


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    seller_paths = ("period__subscription__seller",)
    list_display = (
        "reference",
        "customer",
        "feature_shown",
        "quantity_shown",
        "state_shown",
        "at",
        "until",
        "used_shown",
    )
    list_filter = ("state",)
    list_select_related = ("customer", "plan_feature__feature__meter")
    search_fields = ("customer__external_id", "reference")
    search_help_text = _("Customer ID or reservation ID")
    empty_text = _("Your product reserves usage through the API before it happens.")
    fields = (
        ("reference", "state_shown"),
        ("customer", "feature_shown"),
        ("quantity_shown", "used_shown"),
        ("held_shown", "properties"),
        ("at", "until", "ended_at"),
    )
    actions_detail = ("release_now",)

    release_now = ReleaseReservation.as_action()

    feature_shown = text_column("plan_feature.feature", _("Feature"))
    quantity_shown = _quantity_column("quantity", _("Reserved"))

    used_shown = _quantity_column("used", _("Used"))

    @display(description=_("Held in wallets"))
    def held_shown(self, reservation: Reservation) -> str:
        if reservation.hold is None:
            return gettext("nothing")
        return f"{format_number(reservation.hold.amount)} {reservation.hold.unit}"

    @display(description=_("State"), label={"open": "info", "over": "warning", "committed": "success"})
    def state_shown(self, reservation: Reservation) -> tuple[str, str]:
        if reservation.state == ReservationState.OPEN and reservation.until <= loaded_current_time(
            reservation.customer, now=timezone.now()
        ):
            return "over", gettext("expired, being released")
        return reservation.state, reservation.get_state_display()
