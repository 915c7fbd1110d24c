"""Announce events: store notifications for later delivery."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from customers.notifications.kinds import KINDS, MailAudience
from lib import sql

Facts = Mapping[str, str | int | None]

MAX_TEXT = 500
"""
Maximum characters of a fact; a longer text is truncated, since an operation must not fail because of its
announcement.
"""


class UnknownKind(ValueError):
    """The kind of notification is not defined."""


class Announcement(NamedTuple):
    """
    One event of a customer; key: identifies the event, at most 200 characters.

    customer_id: None for events of prices, which go to live and sandbox endpoints alike.
    seller_id: whose look the emails have; None for the customer's seller.
    """

    customer_id: int | None
    facts: Facts
    key: str
    seller_id: int | None = None


# One round trip for any number of events. The unique key makes a repeated announcement a no-op, also in a race.
_WRITE = """
INSERT INTO customers_notification (kind, customer_id, facts, key, seller_id, created_at)
SELECT %s, announced.customer_id, announced.facts, announced.key, announced.seller_id, %s
FROM unnest(%s::bigint[], %s::jsonb[], %s::text[], %s::bigint[]) AS announced(customer_id, facts, key, seller_id)
ON CONFLICT (key) DO NOTHING
"""


_LISTENERS = """
SELECT EXISTS (
    SELECT FROM customers_webhookendpoint
    WHERE disabled_reason <> 'removed' AND (kinds = '{}' OR %(kind)s = ANY(kinds))
) OR %(mailed)s AND EXISTS (SELECT FROM customers_contact)
OR %(to_owner)s AND EXISTS (SELECT FROM customers_customer WHERE owner_id IS NOT NULL)
"""


def announce(
    *, kind: str, customer_id: int, facts: Facts, key: str, at: datetime, seller_id: int | None = None
) -> None:
    """
    Announce an event of a customer, once: stored in the caller's transaction, and delivered after it.

    kind: a key of kinds.KINDS. facts: names → text, integer or None; pass decimals as text and times as RFC 3339.
    key: identifies the event, such as `alert:17:2026-01`; announcing it again does nothing.
    seller_id: as in `Announcement`.

    :raises UnknownKind: if the kind is not defined.
    :raises TypeError: if a fact is of another type.
    """
    announce_all(kind=kind, announcements=[Announcement(customer_id, facts, key, seller_id)], at=at)


def announce_all(*, kind: str, announcements: Iterable[Announcement], at: datetime) -> None:
    """
    Announce one kind of event for many customers, in one statement.

    :raises UnknownKind: if the kind is not defined.
    :raises TypeError: if a fact is neither text, an integer nor None.
    """
    if kind not in KINDS:
        raise UnknownKind(f"The notification kind “{kind}” is unknown: add it to customers/notifications/kinds.py.")
    rows = [
        (announcement.customer_id, _as_json(announcement.facts), announcement.key, announcement.seller_id)
        for announcement in announcements
    ]
    if rows:
        sql.execute(_WRITE, [kind, at, *map(list, zip(*rows, strict=True))])


def has_listeners(kind: str) -> bool:
    """
    Return whether a kind has any possible recipient; if not, bulk work can skip announcing it.

    A disabled endpoint counts, because missed messages can be sent to it later.
    """
    is_mailed, to_owner = KINDS[kind].mail is not MailAudience.NOBODY, KINDS[kind].to_owner
    (exists,) = sql.fetch_column(_LISTENERS, {"kind": kind, "mailed": is_mailed, "to_owner": to_owner})
    return bool(exists)


def _as_json(facts: Facts) -> str:
    for name, value in facts.items():
        if value is not None and type(value) not in (str, int):
            raise TypeError(f"The fact {name} is a {type(value).__name__}; write it as text.")
    return json.dumps(
        {name: _storable_text(value) if isinstance(value, str) else value for name, value in facts.items()}
    )


def _storable_text(text: str) -> str:
    """Return a text that PostgreSQL can store: without U+0000 and lone surrogates."""
    return text[:MAX_TEXT].replace("\0", "").encode(errors="replace").decode()
