"""Valid bodies and queries of requests, so that only the actor can be the reason of a refusal."""

from typing import Any

from billing.models import UnmatchedUsage
from tests.access.actors import OWN
from tests.access.routes import Route
from wallets.models import Wallet

WHEN = "2026-05-01T00:00:00Z"
WHY = {"reason": "asked for"}
CALLS = f"{OWN}.calls"


def request_body(method: str, route: Route, word: str = OWN) -> Any:
    """
    Return the body or query of a request, or None if it needs none.

    word: the customer that it names. With the name of a missing customer, everything else is missing, too.
    """
    body = _SENT.get(f"{method} {route.path.removeprefix('api/v1/')}")
    return _named(body, word) if body is not None else None


def names_customer(method: str, route: Route) -> bool:
    """Return whether the body or query names a customer or a customer's row."""
    return "{word}" in str(_SENT.get(f"{method} {route.path.removeprefix('api/v1/')}"))


def _named(body: Any, word: str) -> Any:
    if isinstance(body, str):
        return body.replace("{word}", word)
    if isinstance(body, list):
        return [_named(element, word) for element in body]
    if callable(body):  # the number of a row differs from run to run
        return body()
    return {name: _named(value, word) for name, value in body.items()} if isinstance(body, dict) else body


def _report() -> UnmatchedUsage:
    return UnmatchedUsage.objects.filter(sandbox=False).earliest("pk")


_EVENT = {"id": "e", "customer": "{word}", "event": "{word}.call", "properties": {"n": 1, "model": "m1"}}
_CAP = {"amount": "700", "action": "notify"}
_CLAIM = {"customer": "{word}", "lines": [{"description": "Work", "unit_price": "900"}]}
_SENT: dict[str, Any] = {
    # request                                             body or query
    "POST events": _EVENT,
    "POST events/corrections": {"id": "{word}-020300", "kind": "void", **WHY},
    "GET events/trace": {"id": "{word}-020300"},
    "POST check": {"customer": "{word}", "feature": "{word}.calls"},
    "POST reservations": {"customer": "{word}", "feature": "{word}.calls", "quantity": "1"},
    "POST alert-rules": {"customer": "{word}", "kind": "spend", "amount": "50"},
    "POST unmatched-usage/dismiss": {"reports": [lambda: _report().pk], **WHY},
    "POST unmatched-usage/undo-dismissal": {"reports": [lambda: _report().pk]},
    "POST simulations": {"versions": [{"plan": "plan-w", "version": 1}], "customers": ["{word}"], "periods": 1},
    "POST migrations": {"title": "All", "plan": "plan-w", "from": {"ids": ["{word}"]}},
    "POST subscriptions": {"customer": "{word}", "plan": "plan-w"},
    "POST wallets": {"customer": "{word}", "name": "More"},
    "POST invoices": _CLAIM,
    "POST test-clocks/<clock>/advance": {"to": "2030-01-01T00:00:00Z"},
    "POST meters/<meter>/try": _EVENT,
    "POST subscriptions/<subscription>/overrides": {"feature": CALLS, "figure": "percent", "value": "-20", **WHY},
    "POST subscriptions/<subscription>/commitments": {"minimum": "1200", "periods": 12, **WHY},
    "POST subscriptions/<subscription>/spend-caps": _CAP,
    "POST customers/<customer>/spend-caps": _CAP,
    "POST subscriptions/<subscription>/coupons": {"coupon": "WELCOME"},
    "POST customers/<customer>/coupons": {"coupon": "JOINT"},
    "POST subscriptions/<subscription>/trial": {"when": "now"},
    "PUT subscriptions/<subscription>/draft": {"customer": "{word}", "plan": "plan-w"},
    "POST wallets/<wallet>/grants": {"amount": "5", "key": "spring"},
    "POST wallets/<wallet>/spend": {"amount": "1", "key": "once"},
    "POST wallets/<wallet>/void": WHY,
    "POST wallets/<wallet>/transfer": {"amount": "1", "to": lambda: Wallet.objects.earliest("pk").pk, **WHY},
    "POST plans/<plan>/preview": {"feature": CALLS, "currency": "USD", "quantities": [{"quantity": "1"}]},
    "POST customers/<customer>/embed-tokens": {"pages": ["usage"]},
    "GET pricing": {"currency": "USD"},
    "POST customers/<customer>/payment-methods/page": {"back_to": "https://example.com/back"},
    "POST portal/enter/<secret>": {"entrance": "0"},
    "POST admin/views/": {"list": "customers.customer", "name": "Own"},
    "POST admin/views/<view_id>/": {"list": "customers.customer", "name": "Renamed"},
    "POST admin/columns/": {"list": "customers.customer", "columns": ["legal_name"]},
    "GET admin/autocomplete/": {"app_label": "billing", "model_name": "subscription", "field_name": "customer"},
    **{f"GET revenue/{report}": {"seller": "acme"} for report in ("mrr", "retention", "cohorts")},
    "GET revenue/movements": {"seller": "acme", "month": "2026-03"},
    "GET month-end": {"seller": "acme", "month": "2026-03"},
    **{
        f"GET {listed}": {"customer": "{word}"}
        for listed in ("subscriptions", "invoices", "credit-notes", "wallets", "alerts", "alert-rules", "refunds")
    },
    "GET late-usage": {"customer": "{word}"},
    "GET unmatched-usage": {"customer": "{word}"},
    "GET unmatched-usage/reports": {"customer": "{word}"},
    "GET customers/<customer>/usage/breakdown": {
        "meter": CALLS,
        "since": "2026-02-01T00:00:00Z",
        "until": "2026-02-10T00:00:00Z",
    },
}
