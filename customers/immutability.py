"""Database triggers for what is only ever added to."""

import pgtrigger


def append_only() -> pgtrigger.Trigger:
    """Return the trigger that refuses to change or remove a row."""
    return pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
