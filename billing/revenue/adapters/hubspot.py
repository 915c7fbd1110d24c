"""
A CRM with HubSpot's API: a customer is a company, a subscription is a deal with its monthly value.

Source: HubSpot's CRM API v3 (objects) and v4 (associations).
"""

from typing import Any
from urllib.parse import quote

import msgspec

from billing.models.adapters import RecordKind
from billing.revenue.adapters.adapter import OurRecord, TryFailed
from billing.revenue.adapters.api_client import ApiClient, text_at

OUR_ID = "tollbook_id"
"""The property of companies and deals that holds our id; HubSpot keeps its values unique."""

_OBJECTS = {RecordKind.COMPANY: "companies", RecordKind.DEAL: "deals"}


class HubSpotAdapter:
    """See `Adapter`. token: of a private app."""

    def __init__(self, *, base_url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._api = ApiClient(base_url, authorize=lambda: headers, report=self.report)

    def look_up(self, record: OurRecord) -> str:
        answer = self._api.send("GET", f"{_path(record)}/{quote(record.our_id, safe='')}?idProperty={OUR_ID}")
        return "" if answer is None else text_at(answer, "id")

    def upsert(self, record: OurRecord, *, remote_id: str, key: str) -> str:
        body = {"properties": {**record.content, OUR_ID: record.our_id}}
        if remote_id:
            answer = self._api.send("PATCH", f"{_path(record)}/{quote(remote_id, safe='')}", body)
            if answer is None:
                return ""
        else:
            answer = self._api.send("POST", _path(record), body)
        id_ = text_at(answer, "id")
        if record.parent_id:
            self._associate(id_, record.parent_id)
        return id_

    def report(self, answer: str) -> str:
        try:
            return str(msgspec.json.decode(answer)["message"])
        except (msgspec.DecodeError, KeyError, TypeError):
            return answer[:200]

    def _associate(self, deal_id: str, company_id: str) -> None:
        """Make the company that of the deal; repeated, this changes nothing."""
        deal, company = quote(deal_id, safe=""), quote(company_id, safe="")
        path = f"/crm/v4/objects/deals/{deal}/associations/default/companies/{company}"
        if self._api.send("PUT", path) is None:
            raise TryFailed(f"The deal's company {company_id} was deleted; send the company again.")


def _path(record: OurRecord) -> str:
    return f"/crm/v3/objects/{_OBJECTS[RecordKind(record.kind)]}"


def as_properties(**properties: Any) -> dict[str, str]:
    """Return values as HubSpot's properties: text, empty for None."""
    return {name: "" if value is None else str(value) for name, value in properties.items()}
