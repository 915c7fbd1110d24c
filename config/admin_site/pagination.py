"""Pagination of long lists with a bounded count."""

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

MOST = 10_000
"""Maximum rows counted and paged through. A user who looks for row 10,001 is better served by a filter."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # Django's class takes none at run time
    """A paginator that counts up to `MOST`, so that a list of a million rows opens as fast as one of a thousand."""

    template_name = "staff/pagination.html"
    most = MOST

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST)

    @cached_property
    def has_more(self) -> bool:
        """Whether there are rows beyond the last page."""
        return self._counted > MOST

    @cached_property
    def _counted(self) -> int:
        if isinstance(self.object_list, QuerySet) and not self.object_list.query.is_sliced:
            return self.object_list.order_by()[: MOST + 1].count()
        return len(self.object_list)
