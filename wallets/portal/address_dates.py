"""Days in addresses."""

from datetime import date


class DayConverter:
    """2026-01-31 in an address ↔ a date."""

    regex = r"20\d{2}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        """:raises ValueError: for what is no day of the calendar, which Django answers with 404."""
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        return value.isoformat()
