"""Live keys see live rows, test keys sandbox rows; what a key may not see does not exist for it (404)."""

from typing import Any

from django.db.models import QuerySet


class SandboxIsolation:
    """
    Mixin of the generic views: narrows `get_queryset` to what the caller may see.

    sandbox_path: the lookup that leads from a row to `sandbox`.
    """

    sandbox_path = "sandbox"
    request: Any

    def get_queryset(self) -> QuerySet[Any]:
        """Return the view's rows that belong to the caller's world."""
        rows: QuerySet[Any] = super().get_queryset()
        return rows.filter(**{self.sandbox_path: self.request.user.sandbox})
