"""How long data is kept."""

from datetime import UTC, datetime, timedelta

FAR_PAST = datetime.min.replace(tzinfo=UTC)


def kept_since(at: datetime, *, days: int = 0, hours: int = 0) -> datetime:
    """Return the time before which data is no longer kept at `at`; without days and hours, it is kept permanently."""
    kept_for = timedelta(days=days, hours=hours)
    return at - kept_for if kept_for else FAR_PAST
