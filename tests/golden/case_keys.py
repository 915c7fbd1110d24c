"""The keys of a case that a runner has read: a key that nobody reads is unknown, and fails the run."""

import re
from collections.abc import ItemsView, Iterator
from typing import Any

ABOUT_THE_CASE = {
    *("id", "source", "source.repo", "source.path", "source.test", "source.commit"),
    *("rule", "notes", "verified", "verified_by", "derived", "expected"),
    *("source.name", "source.url", "verdict", "recomputed"),
}
"""Keys that say where a case and its figures come from; what it expects is compared whole."""

_EXACT = "the figures are exact, or no money"
_ZERO_USAGE = "with us zero usage costs nothing on tiers (docs/pricing.md); where the case charges it, it differs"
_ORDER = "with us lots pay in one order (docs/wallets.md), which the ledger of the case shows"

NOT_APPLICABLE: dict[str, dict[str, str]] = {
    "charges": {
        "currency": _EXACT,
        "params.flat_on_zero_usage": _ZERO_USAGE,
        "params.tiers.max_blocks": "the last tier is open, however many blocks it has",
        "params.payment_term": "a flat fee is the same in advance and in arrears",
        "amount_rounding": "with us amounts are rounded half-up; where the case rounds up, it differs",
    },
    "rounding": {
        "currency": "one case is about every currency, and names none",
        "params": "and it has no other parameters",
    },
    "periods": {},
    "aggregations": {
        "field": "events are counted without their value",
        "options.raw": "with us a quantity is never raised to zero by its meter; where the case does so, it differs",
        "events.received_order": "events are sent in the order of the list",
    },
    "commitments": {
        "currency": _EXACT,
        "dp": "each line is rounded to cents, as the currency says",
        "independent_lines": "the source rates each line by itself, which is the same at one price per unit",
        "params.price.params.flat_on_zero_usage": _ZERO_USAGE,
    },
    "proration": {
        "currency": _EXACT,
        "timezone": "the amounts are given, so that no day is counted",
        "params.action": "what the peer calls the change; its amounts say the same",
        "params.end_minus_one_second": "a rule of the peer, which changes no cent of these cases",
        "params.fraction_dp": "a rule of the peer, which changes no cent of this case",
    },
    "wallets": {
        "currency": "only credits move, or money of one currency",
        "unit": "only amounts are computed",
        "derived_order": "the order of the two invoices, which the figures show",
        "params.order": _ORDER,
        "params.credit_value": "the wallet's amounts are in money already",
        "params.wallets.threshold_rule": "with us it does not say which wallet pays; where the case does, it differs",
        "params.fees.fee": "the name of a fee",
    },
    "metrics": {
        "inputs.invoices_each": "with us MRR counts subscriptions, not their invoices",
    },
    "revenue": {},
    "scenarios": {
        "rounding_sensitive": "the rule says how its last cent is rounded",
        "setup.plans.charges.pay_in_advance": "with us what an event adds is shown at once, billed with its period",
    },
}
"""
Family → keys that a runner may leave unread, each with the reason.

They name a rule of another system, or repeat what other keys say. Any other key that nobody reads is unknown.
"""


class Record(dict[str, Any]):
    """
    An object of a case. It notes the keys that are read, one by one or all of them by `items`.

    Any other way to read it leaves its keys unread, so that a runner can't skip the check by accident.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__({key: recorded(item) for key, item in content.items()})
        self.unread = set(content)

    def __getitem__(self, key: str) -> Any:
        self.unread.discard(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.unread.discard(key)
        return super().get(key, default)

    def items(self) -> ItemsView[str, Any]:
        self.unread.clear()
        return super().items()


def recorded(content: Any) -> Any:
    """Return a value of a case, with records for its objects at any depth."""
    if isinstance(content, dict):
        return Record(content)
    return [recorded(item) for item in content] if isinstance(content, list) else content


def unknown_keys(family: str, case: Any) -> list[str]:
    """Return the paths of the keys that nobody has read, such as `steps[2].quantity`."""
    known = ABOUT_THE_CASE | NOT_APPLICABLE[family].keys()
    return [path for path in _unread(case) if re.sub(r"\[\d+\]", "", path) not in known]


def _unread(content: Any, path: str = "") -> Iterator[str]:
    """Yield the unread keys, and those in objects that were read, or that are known without being read."""
    if isinstance(content, Record):
        for key, item in dict.items(content):
            if key in content.unread:
                yield path + key
            if path + key not in ("expected", "recomputed"):
                yield from _unread(item, f"{path}{key}.")
    elif isinstance(content, list):
        for number, item in enumerate(content):
            yield from _unread(item, f"{path[:-1]}[{number}].")
