"""Pages of long lists, without counting them to the end."""

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

MOST = 10_000
"""Rows counted and paged through at most. Whoever looks for row 10,001 is better served by a filter."""


class BoundedPaginator(Paginator):
    """A paginator that stops counting at `MOST`, so that a list of a million rows opens like one of a thousand."""

    template_name = "staff/pagination.html"
    most = MOST

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST)

    @cached_property
    def has_more(self) -> bool:
        """Tell whether there are rows beyond the last page."""
        return self._counted > MOST

    @cached_property
    def _counted(self) -> int:
        if isinstance(self.object_list, QuerySet) and not self.object_list.query.is_sliced:
            return self.object_list.order_by()[: MOST + 1].count()
        return len(self.object_list)
