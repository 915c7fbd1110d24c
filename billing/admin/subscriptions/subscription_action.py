"""The base of staff actions on a subscription."""

from datetime import datetime
from functools import cached_property

from billing.models import Subscription
from billing.models.subscriptions import RUNNING_STATES
from customers.customer_time import current_time
from lib.admin import ConfirmedAction


def is_running(subscription: Subscription) -> bool:
    return subscription.state in RUNNING_STATES


class SubscriptionAction(ConfirmedAction[Subscription]):
    """An action on a running subscription, in its customer's time."""

    permission = "billing.change_subscription"
    is_offered = staticmethod(is_running)

    @cached_property
    def at(self) -> datetime:
        return current_time(self.subject.customer)
