"""Lists as staff want to see them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

MAX_QUERY = 2_000
"""Maximum characters of a view's query; a longer address does not work in every browser."""


class SavedView(models.Model):
    """
    The filters, search, order and columns of a list, under a name; or a user's columns of a list, without a name.

    list_name: of the model, such as customers.customer. query: of the address of the list. columns: their names in
        order; empty for the list's own. is_shared: whether all staff sees it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    list_name = models.CharField(max_length=100)
    name = models.CharField(max_length=60, blank=True)
    query = models.CharField(max_length=MAX_QUERY, blank=True)
    columns = ArrayField(models.CharField(max_length=63), default=list, blank=True)
    is_shared = models.BooleanField(default=False)

    class Meta:
        permissions = [("share_savedview", "Can share saved views with all staff")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "list_name", "name"], name="user_has_one_view_of_a_name_for_each_list"
            ),
            models.CheckConstraint(
                condition=~Q(name="") | Q(query="", is_shared=False), name="view_without_a_name_has_only_columns"
            ),
        ]
        indexes = [
            models.Index(fields=["list_name"], condition=Q(is_shared=True), name="shared_view_by_list"),
        ]

    def __str__(self) -> str:
        return self.name or self.list_name
