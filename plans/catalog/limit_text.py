"""Quotas and throttles in words, for staff and for customers."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from plans.pricing.usage_limits import UsageLimitTerms

UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))
"""Lengths in which windows are named, the longest first."""

SLIDING_WINDOWS = {
    "minute": ngettext_lazy("in any minute", "in any %(count)s minutes", "count"),
    "hour": ngettext_lazy("in any hour", "in any %(count)s hours", "count"),
    "day": ngettext_lazy("in any 24 hours", "in any %(count)s days", "count"),
}
FIRST_USE_WINDOWS = {
    "minute": ngettext_lazy("in a minute from the first use", "in %(count)s minutes from the first use", "count"),
    "hour": ngettext_lazy("in an hour from the first use", "in %(count)s hours from the first use", "count"),
    "day": ngettext_lazy("in 24 hours from the first use", "in %(count)s days from the first use", "count"),
}
AFTER = {
    "refuse": gettext_lazy("Up to %(uses)s %(window)s; further requests are declined."),
    "slow": gettext_lazy("Up to %(uses)s %(window)s; further requests are slowed down to %(slow)s a minute."),
    "overage": gettext_lazy("Up to %(uses)s %(window)s; further usage continues at the overage price."),
}


def describe_limit(limit: UsageLimitTerms, *, unit: str, units: Callable[[Decimal, str], str]) -> str:
    """
    Return a quota or throttle as a sentence: “Up to 45 requests in any 5 hours; further requests are declined.”

    unit: of the feature's meter. units: formats a quantity with its unit.
    """
    counted = unit if limit.counts == "units" else "request"
    uses = units(limit.most, counted)
    if limit.kind == "throttle":
        return _("Beyond the allowance, usage is slowed down to %(uses)s a minute.") % {"uses": uses}
    length, name = next((length, name) for length, name in UNITS if not limit.window % length)
    windows = SLIDING_WINDOWS if limit.is_sliding else FIRST_USE_WINDOWS
    return str(AFTER[limit.after]) % {
        "uses": uses,
        "window": windows[name] % {"count": limit.window // length},
        "slow": units(limit.slow_to, counted) if limit.slow_to is not None else "",
    }
