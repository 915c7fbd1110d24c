"""Time zones from UTC-12 to UTC+14 with every kind of clock change, and the local times that these skip."""

from datetime import UTC, datetime

ZONES = [
    *("UTC", "Europe/Berlin", "Europe/London", "Europe/Lisbon", "Europe/Istanbul", "Europe/Dublin"),
    *("America/New_York", "America/Los_Angeles", "America/St_Johns", "America/Sao_Paulo", "America/Santiago"),
    *("America/Havana", "America/Asuncion", "America/Caracas", "Africa/Casablanca", "Africa/Cairo"),
    *("Asia/Beirut", "Asia/Tehran", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tokyo", "Asia/Amman"),
    *("Asia/Pyongyang", "Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Chatham", "Pacific/Apia"),
    *("Pacific/Kiritimati", "Etc/GMT+12", "Etc/GMT-14"),
]


def is_skipped(local: datetime) -> bool:
    """Return whether a clock change in its zone skips a local time."""
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(fold=0) != local.replace(fold=0)
