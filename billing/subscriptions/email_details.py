"""Names in emails in place of codes (the setting EMAIL_DETAILS)."""

from collections.abc import Sequence

from billing.models import Subscription
from customers.notifications.announcement import Facts
from customers.notifications.email_preparation import EmailRequest
from plans.models import Feature


def read_names(requests: Sequence[EmailRequest]) -> list[Facts]:
    """Return for each email the names of its feature and of its subscription's plan, in two queries."""
    codes = {str(request.facts["feature"]) for request in requests if request.facts.get("feature")}
    features = dict(Feature.objects.filter(code__in=codes).values_list("code", "name")) if codes else {}
    plans = _read_plans([request for request in requests if request.customer and request.facts.get("subscription")])
    return [
        {
            "feature_name": features.get(str(request.facts.get("feature"))),
            "plan_name": plans.get((request.customer, str(request.facts.get("subscription")))),
        }
        for request in requests
    ]


def _read_plans(requests: Sequence[EmailRequest]) -> dict[tuple[str, str], str]:
    """Return (customer, subscription) → the name of its plan, by external ids."""
    if not requests:
        return {}
    subscriptions = Subscription.objects.filter(
        customer__external_id__in={request.customer for request in requests},
        sandbox=False,  # the sandbox causes no email
        external_id__in={str(request.facts["subscription"]) for request in requests},
    )
    rows = subscriptions.values_list("customer__external_id", "external_id", "version__plan__name")
    return {(customer, subscription): plan for customer, subscription, plan in rows}
