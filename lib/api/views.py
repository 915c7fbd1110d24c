"""Base classes of the API's resources."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from rest_framework import status
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from lib.api.callers import ApiCaller, caller_of
from lib.api.operations import Operation

Row = TypeVar("Row", bound=Model)


class ApiView(GenericViewSet[Row]):
    """
    A resource with its operations; `route` says which of them a URL has.

    sandbox_path: the lookup from a row to `sandbox`, which keeps live and sandbox rows apart: live keys see live
        rows, sandbox keys sandbox rows, and other rows don't exist for a key (404). Empty: every key sees all rows.
    """

    sandbox_path = ""

    @classmethod
    def route(cls, *names: str) -> Callable[..., HttpResponseBase]:
        """Return the view function of a URL with these operations, each by its method; other methods are refused."""
        return cls.as_view({getattr(cls, name).operation.method: name for name in names})

    @property
    def required_scopes(self) -> dict[str, str]:
        """The scope that each method of the URL needs."""
        return {method.upper(): getattr(self, name).operation.scope for method, name in self.action_map.items()}

    @property
    def operation(self) -> Operation:
        """The declaration of the operation that the request asks for."""
        declaration: Operation = getattr(self, self.action).operation
        return declaration

    @property
    def caller(self) -> ApiCaller:
        return caller_of(self.request)

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows that the caller may see."""
        rows = super().get_queryset()
        return rows.filter(**{self.sandbox_path: self.caller.sandbox}) if self.sandbox_path else rows

    def lock_object(self) -> Row:
        """
        Return the row of the URL, locked until the end of the transaction.

        Merging metadata needs it: of two changes at a time, the second one starts from what the first one wrote.
        """
        row = self.get_object()
        type(row)._base_manager.select_for_update(no_key=True).get(pk=row.pk)
        return self.reload(row)

    def reload(self, row: Row) -> Row:
        """Return a row as it is stored now."""
        stored: Row = self.get_queryset().get(pk=row.pk)
        return stored

    def read_serializer(self, instance: Any = None, *, partial: bool = False, **context: Any) -> Any:
        """
        Return the operation's serializer with the validated body.

        :raises serializers.ValidationError: if a field is invalid.
        """
        context = {**self.get_serializer_context(), **context}
        serializer = self.operation.request(instance, data=self.request.data, partial=partial, context=context)
        serializer.is_valid(raise_exception=True)
        return serializer

    def read_body(self, **context: Any) -> dict[str, Any]:
        """
        Return the validated body.

        :raises serializers.ValidationError: if a field is invalid.
        """
        fields: dict[str, Any] = self.read_serializer(**context).validated_data
        return fields

    def represent(self, row: Any) -> Any:
        """Return a row of the view in the API's form."""
        return self.get_serializer(row).data

    def represent_page(self, rows: list[Any]) -> Any:
        """Return the rows of a page in the API's form."""
        return self.get_serializer(rows, many=True).data

    def to_response(self, returned: Any) -> HttpResponseBase:
        """
        Return the response to what a method returned: a response, None, or a row, either of the view or one that the
        operation's own `response` serializes.
        """
        if isinstance(returned, HttpResponseBase):
            return returned
        if returned is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        response_class = self.operation.response
        if response_class is None:
            payload = self.represent(returned)
        else:
            payload = response_class(returned, context=self.get_serializer_context()).data
        return Response(payload, status=self.operation.status)


class OwnedRows(ApiView[Row]):
    """
    Rows of one owner, which the URL names: a customer's contacts, a plan's versions.

    owners: the rows that the URL may name. owner_kwarg: the parameter of the URL. owner_field: the owners' field with
        its value. owner_sandbox_path: as `sandbox_path`, from an owner. owner_path: the lookup from a row to its
        owner; default: the same name as the parameter.
    """

    owners: QuerySet[Any]
    owner_kwarg: str
    owner_field = "external_id"
    owner_sandbox_path = "sandbox"
    owner_path = ""

    @cached_property
    def owner(self) -> Any:
        """
        The owner in the URL.

        :raises Http404: if the caller sees no such owner.
        """
        path = self.owner_sandbox_path
        owners = self.owners.filter(**{path: self.caller.sandbox}) if path else self.owners.all()
        return get_object_or_404(owners, **{self.owner_field: self.kwargs[self.owner_kwarg]})

    def get_queryset(self) -> QuerySet[Any]:
        """Return the owner's rows."""
        return super().get_queryset().filter(**{self.owner_path or self.owner_kwarg: self.owner})
