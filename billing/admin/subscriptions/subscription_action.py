"""The bases of staff actions on a subscription, and of lists of rows that have one."""

from datetime import datetime
from functools import cached_property

from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from billing.models import Subscription
from billing.models.subscriptions import RUNNING_STATES
from customers.admin.search import CustomerSearch
from customers.customer_time import current_time
from lib.admin import ConfirmedAction, ReadOnlyAdmin
from lib.admin.columns import link_column, text_column
from lib.admin.moment_presets import moment_presets, offer_moments


def format_moment(moment: datetime) -> str:
    return f"{date_format(timezone.localtime(moment), 'DATETIME_FORMAT')} UTC"


def is_running(subscription: Subscription) -> bool:
    return subscription.state in RUNNING_STATES


class SubscriptionAction(ConfirmedAction[Subscription]):
    """An action on a running subscription, in its customer's time."""

    permission = "billing.change_subscription"
    is_offered = staticmethod(is_running)

    @cached_property
    def at(self) -> datetime:
        return current_time(self.subject.customer)

    def show(self) -> HttpResponseBase:
        if self.form is not None:
            running = self.subject.periods.filter(starts_at__lte=self.at, ends_at__gt=self.at).first()
            period_end = running.ends_at if running else None
            presets = moment_presets(self.at, zone=self.subject.seller.time_zone, period_end=period_end)
            offer_moments(self.form, presets, zone=getattr(self.form, "zone", ""))
        return super().show()


class SubscriptionRowsAdmin(CustomerSearch, ReadOnlyAdmin):
    """A read-only list of rows that each have a subscription."""

    search_fields = ("subscription__external_id",)
    search_help_text = _("Start of a subscription ID, or part of a customer's name")
    customer_path, start_field = "subscription__customer", "subscription__external_id"

    customer = text_column("subscription.customer", _("Customer"))
    subscription_shown = link_column("subscription", _("Subscription"))
