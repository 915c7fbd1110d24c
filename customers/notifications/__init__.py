"""
What happened is told, once, by signed webhook and by email: docs/webhooks.md.

An operation announces what it did in its own transaction; workers tell it later, so that nothing is told of what was
rolled back, and nothing is forgotten of what was not.
"""

from customers.notifications.announcement import Announcement, UnknownKind, announce, announce_all, has_listeners

__all__ = ["Announcement", "UnknownKind", "announce", "announce_all", "has_listeners"]
