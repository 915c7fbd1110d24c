"""Meters, features, packs and plans are added by the forms of the admin, as a page of docs/recipes lists them."""

from typing import Any

from django.test import Client

from plans.models import Meter, Plan, PlanVersion
from plans.publishing.readiness import problems_of

METER = {"aggregation": "count", "filters": "{}", "rounding": "none", "rounding_places": "0"}
FEATURE = {"kind": "metered", "when_unreachable": "open"}
VERSION = {"interval_count": 1, "interval_unit": "month", "anchor": "calendar", "proration": "second"}
COUPON = {"period_months": "1"}
PACK = {"slabs_by": "units", "is_taxed": "on", "priority": "50", "rolls_over": "0"}


class CatalogForms:
    """The forms of the catalog, filled in by a signed-in user. A row has the form's fields by their labels' words."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def add_meter(self, row: dict[str, str]) -> None:
        """Add a meter; `readings` is a text such as `input: prompt_tokens, output: completion_tokens`."""
        fields = _fields(row)
        pairs = [pair.split(": ") for pair in fields.pop("readings", "").split(", ") if pair]
        readings = [{"dimension_value": value, "value_property": name} for value, name in pairs]
        self._add("meter", METER | fields | _inline("readings", readings))

    def add_feature(self, row: dict[str, str]) -> None:
        """Add a feature; `meter` is the code of its meter."""
        fields = FEATURE | _fields(row)
        if "meter" in fields:
            fields["meter"] = str(Meter.objects.get(code=fields["meter"]).pk)
        self._add("feature", fields)

    def add_pack(self, row: dict[str, str]) -> None:
        """Add a credit pack at a price in one currency."""
        fields = PACK | _fields(row)
        prices = [{"currency": fields.pop("currency"), "price": fields.pop("price")}]
        self._add("creditpack", fields | _inline("prices", prices) | _inline("slabs", []))

    def add_coupon(self, row: dict[str, str]) -> None:
        """Add a coupon with a promotion code."""
        fields = COUPON | _fields(row)
        codes = [{"code": fields.pop("promotion_code")}]
        self._add("coupon", fields | _inline("promotion_codes", codes) | _inline("promotions", []))

    def add_plan(self, row: dict[str, str]) -> PlanVersion:
        """Add a plan with an empty draft."""
        self._add("plan", _fields(row))
        plan = Plan.objects.get(code=row["code"])
        self._add("planversion", VERSION | {"plan": plan.pk})
        return plan.versions.get()

    def publish(self, version: PlanVersion) -> None:
        """Publish a draft for new subscriptions; the advice of the plan check is acknowledged."""
        page = f"/admin/plans/planversion/{version.pk}/publish_now/"
        response = self.client.post(page, {"audience": "new", "acknowledged": "on"}, follow=True)
        version.refresh_from_db()
        assert version.state == "live", problems_of(version) or response.status_code

    def _add(self, model: str, fields: dict[str, Any]) -> None:
        response = self.client.post(f"/admin/plans/{model}/add/", fields | {"_save": "Save"})
        assert response.status_code == 302, (model, fields, response.context["errors"])


def _fields(row: dict[str, str]) -> dict[str, str]:
    """Return the filled-in cells of a row by the names of their form fields."""
    return {column.replace(" ", "_"): cell for column, cell in row.items() if cell}


def _inline(prefix: str, rows: list[dict[str, str]]) -> dict[str, Any]:
    """Return the form fields of rows below the main one."""
    fields: dict[str, Any] = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": 0}
    for place, row in enumerate(rows):
        fields |= {f"{prefix}-{place}-{name}": text for name, text in row.items()}
    return fields
