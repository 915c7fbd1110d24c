"""Write down what happened, to be told later."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from customers.notifications.kinds import KINDS, MailAudience

Facts = Mapping[str, str | int | None]

MOST_TEXT = 500
"""Characters of one fact; a longer text is cut, since what happened must not fail for the telling of it."""


class UnknownKind(ValueError):
    """Nobody has said what such a notice is, and who gets it."""


class Announcement(NamedTuple):
    """
    What is told of one customer; key: names what happened, at most 200 characters.

    customer_id: nobody for what is told of prices, to live endpoints and sandbox ones alike.
    """

    customer_id: int | None
    facts: Facts
    key: str


_WRITE = """
INSERT INTO customers_notification (kind, customer_id, facts, key, created_at)
SELECT %s, told.customer_id, told.facts, told.key, %s
FROM unnest(%s::bigint[], %s::jsonb[], %s::text[]) AS told(customer_id, facts, key)
ON CONFLICT (key) DO NOTHING
"""


_LISTENERS = """
SELECT EXISTS (
    SELECT FROM customers_webhookendpoint
    WHERE disabled_reason <> 'removed' AND (kinds = '{}' OR %(kind)s = ANY(kinds))
) OR %(mailed)s AND EXISTS (SELECT FROM customers_contact)
OR %(to_owner)s AND EXISTS (SELECT FROM customers_customer WHERE owner_id IS NOT NULL)
"""


def announce(*, kind: str, customer_id: int, facts: Facts, key: str, at: datetime) -> None:
    """
    Tell, once, what happened to a customer: in the caller's transaction, and delivered after it.

    kind: one of kinds.KINDS. facts: names → text, whole number or None; decimals go in as text, times as RFC 3339.
    key: names what happened, such as `alert:17:2026-01`; announcing it again does nothing.

    :raises UnknownKind: if the kind is not one of them.
    :raises TypeError: if a fact is of another type.
    """
    announce_all(kind=kind, announcements=[Announcement(customer_id, facts, key)], at=at)


def announce_all(*, kind: str, announcements: Iterable[Announcement], at: datetime) -> None:
    """
    Tell what happened to many customers, by one statement.

    :raises UnknownKind: if the kind is not known.
    :raises TypeError: if a fact is neither text, a whole number nor None.
    """
    if kind not in KINDS:
        raise UnknownKind(f"“{kind}” is no kind of notice yet: add it to customers/notifications/kinds.py.")
    rows = [(one.customer_id, _as_json(one.facts), one.key) for one in announcements]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [kind, at, *map(list, zip(*rows, strict=True))])


def has_listeners(kind: str) -> bool:
    """
    Say whether anybody at all is told of a kind; where nobody is, bulk work need not announce it.

    A disabled endpoint counts: what it misses can be sent to it later.
    """
    mail = KINDS[kind].mail
    with connection.cursor() as cursor:
        cursor.execute(
            _LISTENERS, {"kind": kind, "mailed": mail is not MailAudience.NOBODY, "to_owner": KINDS[kind].to_owner}
        )
        return bool(cursor.fetchone()[0])


def _as_json(facts: Facts) -> str:
    for name, value in facts.items():
        if value is not None and type(value) not in (str, int):
            raise TypeError(f"The fact {name} is a {type(value).__name__}; write it as text.")
    return json.dumps({name: _stored(value) if isinstance(value, str) else value for name, value in facts.items()})


def _stored(text: str) -> str:
    """Return a text as PostgreSQL can store it: no U+0000, no half of a character."""
    return text[:MOST_TEXT].replace("\0", "").encode(errors="replace").decode()
