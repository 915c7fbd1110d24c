"""The value of each parameter of an address in these tests, which names an existing row."""

from typing import Any

from django.apps import apps
from django.contrib.admin.utils import quote
from django.db.models import Model

from tests.access.actors import OWN
from tests.access.routes import ASKED_FOR, Route
from tests.access.row_paths import PLACES, Found

NOBODY, NUMBER_OF_NOBODY = "not-there", 999_999


def place(route: Route, *, word: str = OWN) -> Found:
    """
    Return the parameters of an address and the row that it is about, if any.

    word: the customer whose row it is, where it belongs to a customer.

    :raises LookupError: if no finder matches the address.
    """
    for starts, find in PLACES.items():
        if route.path.startswith(starts):
            return find(route, word)
    if "<" not in route.path:
        return {}, None
    if route.model:
        row = _first(route)
        return {"row": quote(str(row.pk))}, row
    raise LookupError(f"tests/access/rows.py has no row for {route.path}")


def missing(values: dict[str, Any]) -> dict[str, Any]:
    """Return the same parameters for a row that doesn't exist."""
    unchanged = ("kind", "how", "position", "since", "until")
    absent = {
        name: value if name in unchanged else NUMBER_OF_NOBODY if isinstance(value, int) else NOBODY
        for name, value in values.items()
    }
    if ASKED_FOR in values:
        absent[ASKED_FOR] = f"{values[ASKED_FOR].partition('=')[0]}={NOBODY}"
    return absent


def _first(route: Route) -> Model:
    model = apps.get_model(route.model)
    rows = model._default_manager.filter(**_NARROWED.get(route.path, {})).order_by("pk")
    row = rows.first()
    if row is None:
        raise LookupError(
            f"tests/access/actors.py creates no {route.model} that {route.path} could be requested for."
        )
    return row


_NARROWED: dict[str, dict[str, Any]] = {
    # page                                          condition on its row
    **{f"admin/access/approvalrequest/<row>/{verb}/": {"kind": "grants"} for verb in ("approve", "reject")},
    "admin/plans/coupon/<row>/delete/": {"redemptions": None, "promotions": None, "promotion_codes": None},
    **{
        f"admin/invoices/invoice/<row>/{action}_draft/": {"state": "draft"} for action in ("edit", "issue", "discard")
    },
    **{
        f"admin/plans/planversion/<row>/{view}/": {"state": "draft"}
        for view in ("change", "delete", "price-list", "price-sheet")
    },
    "admin/plans/planfeature/<row>/change/": {"version__state": "draft"},
    **{
        f"admin/plans/price/<row>/{view}/": {"plan_feature__version__state": "draft"} for view in ("change", "delete")
    },
}
