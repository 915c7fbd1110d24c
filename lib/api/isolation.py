"""
Isolation of live and sandbox data: live keys see live rows, sandbox keys sandbox rows; other rows don't exist for a
key (404).
"""

from typing import Any

from django.db.models import QuerySet


class SandboxIsolation:
    """
    Mixin of the generic views: limits `get_queryset` to the rows that the caller may see.

    sandbox_path: the lookup from a row to `sandbox`.
    """

    sandbox_path = "sandbox"
    request: Any

    def get_queryset(self) -> QuerySet[Any]:
        """Return the view's live rows for a live caller, and its sandbox rows for a sandbox caller."""
        rows: QuerySet[Any] = super().get_queryset()
        return rows.filter(**{self.sandbox_path: self.request.user.sandbox})
