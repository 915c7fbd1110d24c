"""
An accounting system with Xero's API: issued invoices become invoices there, under the same number.

Source: Xero's Accounting API 2.0 (Invoices, idempotency) and its custom connections (client credentials).
"""

import base64
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from billing.revenue.adapters.adapter import OurRecord, RecordRefused, TargetBlocked
from billing.revenue.adapters.api_client import REJECTED_PAUSE, ApiClient, decode, request, text_at

INVOICES = "/api.xro/2.0/Invoices"
SCOPE = "accounting.transactions"


class XeroAdapter:
    """See `Adapter`. client_id, client_secret: exchanged at `token_url` for a token that outlives a run."""

    def __init__(self, *, base_url: str, token_url: str, client_id: str, client_secret: str) -> None:
        self._token_url = token_url
        self._credentials = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._token = ""
        self._api = ApiClient(base_url, authorize=self._authorize, report=self.report)

    def look_up(self, record: OurRecord) -> str:
        answer = self._api.send("GET", f"{INVOICES}?InvoiceNumbers={quote(record.our_id, safe='')}")
        # Xero also answers with deleted invoices, whose number is free again.
        invoices = [invoice for invoice in (answer or {}).get("Invoices", []) if invoice.get("Status") != "DELETED"]
        return text_at(invoices, 0, "InvoiceID") if invoices else ""

    def upsert(self, record: OurRecord, *, remote_id: str, key: str) -> str:
        invoice = {**record.content, "Type": "ACCREC", "InvoiceNumber": record.our_id}
        if remote_id:
            invoice["InvoiceID"] = remote_id
        answer = self._api.send("POST", INVOICES, {"Invoices": [invoice]}, headers={"Idempotency-Key": key})
        return "" if answer is None else text_at(answer, "Invoices", 0, "InvoiceID")

    def report(self, answer: str) -> str:
        try:
            problem = msgspec.json.decode(answer)
            texts = [
                error["Message"] for element in problem.get("Elements", ()) for error in element["ValidationErrors"]
            ]
            return "; ".join(texts) or str(problem.get("Message") or problem.get("Detail") or problem["error"])
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            return answer[:200]

    def _authorize(self) -> Mapping[str, str]:
        self._token = self._token or self._fetch_token()
        return {"Authorization": f"Bearer {self._token}"}

    def _fetch_token(self) -> str:
        headers = {
            "Authorization": f"Basic {self._credentials}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        content = f"grant_type=client_credentials&scope={SCOPE}".encode()
        try:
            answer = request("POST", self._token_url, content=content, headers=headers, report=self.report)
        except RecordRefused as refusal:  # 400 invalid_client: no record is to blame
            raise TargetBlocked(str(refusal), pause=REJECTED_PAUSE) from refusal
        if answer.status >= 400:
            raise TargetBlocked(f"{answer.status}: the token URL does not exist.", pause=REJECTED_PAUSE)
        return text_at(decode(answer), "access_token")
