"""Dates in URLs."""

from datetime import date


class DayConverter:
    """Converts between 2026-01-31 in a URL and a date."""

    regex = r"20\d{2}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        """
        Return the date.

        :raises ValueError: if the calendar has no such day; Django responds with 404.
        """
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        return value.isoformat()
