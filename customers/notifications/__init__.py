"""
Notifications: each event is announced once, by signed webhook and by email: docs/webhooks.md.

An operation announces its event in its own transaction, and workers deliver it later. So nothing is delivered of a
transaction that was rolled back, and every committed event is delivered.
"""

from customers.notifications.announcement import Announcement, UnknownKind, announce, announce_all, has_listeners

__all__ = ["Announcement", "UnknownKind", "announce", "announce_all", "has_listeners"]
