"""
Send a request to a route as an actor, and record whether it was accepted, its answer and the tables it wrote to.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.db import connection, transaction
from django.http import HttpResponse
from django.template.response import SimpleTemplateResponse

from tests.access.actors import Actor

SIGN_IN = ("/admin/login/", "/admin/account/sign-in/", "/portal/sign-in")
_WRITES = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", re.IGNORECASE)
_NOTED = {
    "django_session",
    "customers_portalsession",
    "access_ratelimitbucket",
    "access_signinfailure",
    "access_cache",
}
"""Tables that every request may write to: its session, and the counters of limits."""


_PASSING = re.compile(
    r"req_[0-9a-f]+|name=\"csrfmiddlewaretoken\" value=\"\w+\"|nonce=\"[^\"]*\"|\d{4}-\d\d-\d\dT[\d:.]+Z"
)
"""The parts of an answer that differ for each request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a request."""

    status: int
    text: str
    place: str = ""
    writes: list[str] = field(default_factory=list)

    @property
    def is_refusal(self) -> bool:
        """Whether the actor was refused: 401, 403, 404 or a redirect to sign-in."""
        return self.status in (401, 403, 404) or (self.status in (302, 303) and self.place.startswith(SIGN_IN))

    @property
    def summary(self) -> str:
        return f"{self.status} {self.place}".strip()

    def without(self, words: Iterable[str]) -> tuple[int, str, str]:
        """Return the answer without the given words and without the parts that differ for each request."""
        text, place = _PASSING.sub("", self.text), self.place
        for word in sorted(words, key=len, reverse=True):
            text, place = text.replace(word, "…"), place.replace(word, "…")
        return self.status, text, place


def send_request(actor: Actor, method: str, address: str, data: Any = None) -> Answer:
    """Send a request in a transaction, and roll the transaction back."""
    sent: dict[str, Any] = {"headers": actor.headers}
    if address.startswith("/api/v1/") and method != "GET":
        sent |= {"content_type": "application/json", "data": data if data is not None else {}}
    else:
        sent["data"] = data or {}
    writes: list[str] = []
    cookies = actor.client.cookies.copy()
    undone = transaction.atomic()
    undone._from_testcase = True  # a request may open a durable transaction, which must be outermost
    with undone, connection.execute_wrapper(_record_writes(writes)):
        try:
            response = getattr(actor.client, method.lower())(address, **sent)
        except LetIn:
            response = HttpResponse()
        body = b"".join(response) if not response.streaming else b""
        transaction.set_rollback(True)
    actor.client.cookies = cookies
    return Answer(response.status_code, body.decode(errors="replace"), response.get("Location", ""), writes)


def _record_writes(writes: list[str]) -> Any:
    """
    Return a wrapper of all statements that records which tables are written to, except in rolled-back savepoints.
    """
    before: dict[str, int] = {}

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = sql if isinstance(sql, str) else ""
        if text.startswith("SAVEPOINT"):
            before[text.split()[-1]] = len(writes)
        elif text.startswith("ROLLBACK TO SAVEPOINT"):
            del writes[before[text.split()[-1]] :]
        elif (write := _WRITES.match(text)) and write[2] not in _NOTED:
            writes.append(f"{write[1].upper()} {write[2]}")
        return execute(sql, params, many, context)

    return note


class LetIn(BaseException):
    """Raised once an actor has passed a page's permission check; the page itself is not rendered."""


def _let_in(*args: Any, **more: Any) -> Any:
    raise LetIn


def render_only_refusals(monkeypatch: Any) -> None:
    """
    Render no page and no file for actors who may see it: these tests check permissions, not contents.

    Pages of the admin end where they start to query their rows, which is after the permission check.
    """
    draw = SimpleTemplateResponse.rendered_content.fget  # type: ignore[attr-defined]
    render_refusals_only = property(lambda response: draw(response) if response.status_code >= 300 else "")
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", render_refusals_only)
    monkeypatch.setattr(admin.site, "each_context", lambda request: {})
    monkeypatch.setattr(admin.site, "confirmation", _let_in)
    for name in ("get_changelist_instance", "get_form", "get_deleted_objects"):
        monkeypatch.setattr(admin.ModelAdmin, name, _let_in)
    monkeypatch.setattr("config.admin_site.history.history_reader.read_object_changes", _let_in)
    monkeypatch.setattr("config.admin_site.history.log_search.LogSearchForm.search", _let_in)
    monkeypatch.setattr("invoices.rendering.pdf_file.typeset", _let_in)
