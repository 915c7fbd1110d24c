"""The API's schema (OpenAPI 3.1): the common parts of every operation."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import Direction, OpenApiExample
from rest_framework import serializers

from lib.api.field_rules import fits, rules_schema
from lib.api.fields import INSTANT, PatternField, StrictFields
from lib.api.labels import METADATA_SCHEMA
from lib.api.number_fields import NumberField
from lib.api.operations import Idempotency, Operation
from lib.api.problem_types import PROBLEM_TYPES
from lib.api.problems import MEDIA_TYPE

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": (
        "Your ID for this request. A repeated request with the same key gets the first response, for"
        " at least 24 hours; a different request with it is refused."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "3f2c1f6e-order-1001",
}

TEXT = r"^[^\x00]*$"
SEGMENT = r"^[^/\x00]+$"
# Some character that is no white space; dialects of regular expressions differ for control characters.
NOT_BLANK = r"^[^\x00]*[^\s\x00-\x20\x7f-\xa0][^\x00]*$"

TOO_LONG = {"description": "The address is longer than 4,094 bytes. The web server answers, without a problem."}


class FaultSerializer(serializers.Serializer[Any]):
    """One field at fault."""

    field = serializers.CharField(help_text="Dotted path of the field; empty for the body as a whole.")
    code = serializers.CharField(help_text="Machine-readable, such as `required`, `invalid` or `taken`.")
    detail = serializers.CharField(help_text="Human-readable.")


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem by RFC 9457, for every response with a status of 400 or more."""

    type = serializers.CharField(help_text="Permanent; the URL shows its explanation: `/problems/invalid-fields`.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="The cause in this request, the value, and the remedy.")
    instance = serializers.CharField(help_text="The request's ID, as in the header `Request-Id`.")
    # The metaclass takes declared fields off the class, so that they hide no attribute of it.
    errors = FaultSerializer(many=True, required=False)  # type: ignore[assignment]  # a field


class BearerKey(OpenApiAuthenticationExtension):
    """The security scheme of API keys."""

    target_class = "customers.api_keys.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "tb_live_… or tb_test_…",
            "description": "An API key. Live keys see live customers, test keys sandbox customers.",
        }


class NumberSchema(OpenApiSerializerFieldExtension):
    """The schema of exact numbers: text in responses; text or a whole JSON number in requests."""

    target_class = "lib.api.number_fields.NumberField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """Return the schema for a direction: “request” or “response”."""
        if direction == "response":
            return {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "example": "1500"}
        field: NumberField = self.target
        return field.request_schema()


class InstantSchema(OpenApiSerializerFieldExtension):
    """The schema of a time, whose bounds are those of requests."""

    target_class = "lib.api.fields.InstantField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """Return the schema for a direction: “request” or “response”."""
        return dict(INSTANT) if direction == "request" else {"type": "string", "format": "date-time"}


class MetadataSchema(OpenApiSerializerFieldExtension):
    """The schema of metadata: in requests, null removes a key."""

    target_class = "lib.api.labels.MetadataObjectField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """Return the schema for a direction: “request” or “response”."""
        if direction == "request":
            return dict(METADATA_SCHEMA)
        return {"type": "object", "additionalProperties": {"type": "string"}, "example": METADATA_SCHEMA["example"]}


class ApiSchema(AutoSchema):
    """
    Describes each operation by its declaration, with its scope, its Idempotency-Key, and the problems that it may
    answer.
    """

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the complete description of the operation."""
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        description = operation.get("description", "")
        operation["description"] = f"{description}\n\nNeeds the scope `{self._declared.scope}`.".strip()
        if self._is_idempotent():
            operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        for parameter in operation.get("parameters", ()):
            _declare_text(parameter)
        if self._needs_body():
            operation["requestBody"]["required"] = True
        by_status: dict[str, list[str]] = {}
        for name in self._problems(operation):
            by_status.setdefault(str(PROBLEM_TYPES[name].status), []).append(name)
        for status, names in by_status.items():
            operation["responses"].setdefault(status, self._response(names))
        operation["responses"]["414"] = TOO_LONG
        operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def get_operation_id(self) -> str:
        return self._declared.operation_id

    def get_summary(self) -> str:
        return self._declared.summary

    def get_description(self) -> str:  # type: ignore[override]  # as in drf-spectacular's class, which has no types
        return self._declared.description or super().get_description()

    def get_override_parameters(self) -> list[Any]:
        return list(self._declared.parameters)

    def get_request_serializer(self) -> Any:
        return self._declared.request

    def get_response_serializers(self) -> Any:
        """Return status → serializer or schema."""
        if self.method == "DELETE":
            return {204: None}
        response = self._declared.response or super().get_response_serializers()
        accepted = {202: self._declared.accepted} if self._declared.accepted else {}
        return response if isinstance(response, dict) else {self._declared.status: response, **accepted}

    def get_examples(self) -> list[OpenApiExample]:
        return [OpenApiExample(name, body, request_only=True) for name, body in self._declared.examples.items()]

    @property
    def _declared(self) -> Operation:
        view: Any = self.view  # an ApiView, which this module can't import: REST framework's views import it
        operation: Operation = view.operation
        return operation

    def _map_basic_serializer(self, serializer: Any, direction: Direction) -> dict[str, Any]:
        """Return the schema of an object; in a request, other fields are refused, and text has bounds."""
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request":
            instance = force_instance(serializer)
            for name, field_schema in schema.get("properties", {}).items():
                _declare_bounds(instance.fields[name], field_schema)
            if isinstance(instance, StrictFields):
                schema |= {"additionalProperties": False, **rules_schema(instance.rules)}
        return schema

    def _get_paginator(self) -> Any:
        """Return the pager of lists; an operation that answers with an array of all its rows has none."""
        return super()._get_paginator() if self._declared.is_list else None  # type: ignore[no-untyped-call]

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self._declared.is_list or super()._is_list_view(serializer)

    def _is_idempotent(self) -> bool:
        return self._declared.idempotency is not Idempotency.NONE

    def _needs_body(self) -> bool:
        """Return whether the body is needed; drf-spectacular sees required fields only."""
        request = self._declared.request
        rules = getattr(request, "rules", ())
        return isinstance(request, dict) or not fits(rules_schema(rules), {})

    def _problems(self, operation: dict[str, Any]) -> list[str]:
        names = ["not-authenticated", "scope-missing", "too-many-requests", "internal-error", "database-unavailable"]
        if operation.get("parameters") or "requestBody" in operation:
            names += ["invalid-fields", "malformed-request"]
        if "{" in self.path:
            names.append("not-found")
        if "requestBody" in operation:
            names += ["body-too-large", "unsupported-media-type"]
        if self.method != "GET":
            names.append("conflict")  # a constraint of the database may refuse any change
        if self._is_idempotent():
            names += ["idempotency-key-in-use", "idempotency-key-reused"]
        return sorted({*names, *self._declared.possible_problems})

    def _response(self, names: list[str]) -> dict[str, Any]:
        component = self.resolve_serializer(ProblemSerializer, "response")
        examples = {name: {"summary": PROBLEM_TYPES[name].title, "value": _example(name)} for name in names}
        return {
            "description": " ".join(f"{PROBLEM_TYPES[name].title}. {PROBLEM_TYPES[name].remedy}" for name in names),
            "content": {MEDIA_TYPE: {"schema": component.ref, "examples": examples}},
        }


def _declare_text(parameter: dict[str, Any]) -> None:
    """Declare the bounds of a text in the address: a time is as in bodies, and no text contains U+0000."""
    schema = parameter["schema"]
    if schema.get("format") == "date-time":
        parameter["schema"] = INSTANT
    elif schema.get("type") == "string" and not {"enum", "pattern", "format"} & set(schema):
        parameter["schema"] = schema | {"pattern": SEGMENT if parameter["in"] == "path" else TEXT}


def _declare_bounds(field: serializers.Field[Any, Any, Any, Any], schema: dict[str, Any]) -> None:
    """
    Declare the bounds that drf-spectacular leaves out: a text can't contain U+0000, and is not blank unless the field
    allows it; a list has a number of rows.
    """
    if isinstance(field, serializers.ListField):
        _declare_bounds(field.child, schema["items"])
    elif isinstance(field, serializers.ListSerializer):
        schema |= {"maxItems": most} if (most := getattr(field, "max_length", None)) is not None else {}
        schema |= {} if field.allow_empty else {"minItems": 1}
    elif isinstance(field, serializers.DictField) and schema.get("type") == "object":
        schema["propertyNames"] = {"pattern": TEXT}
        if isinstance(schema.get("additionalProperties"), dict):
            _declare_bounds(field.child, schema["additionalProperties"])
    elif isinstance(field, PatternField):
        schema["pattern"] = f"^({field.pattern})?$" if field.allow_blank else f"^{field.pattern}$"
    elif type(field) is serializers.CharField and "pattern" not in schema:
        schema["pattern"] = TEXT if field.allow_blank else NOT_BLANK


def allow_either(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """
    Let a text that may be empty fit both of its schemas.

    drf-spectacular writes `oneOf`: an empty text, or one with a format. A reader that does not check formats finds
    that both fit, and refuses.
    """
    _replace_one_of(result["components"])
    return result


def _replace_one_of(part: Any) -> None:
    for child in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _replace_one_of(child)
    if isinstance(part, dict) and {"type": "string", "maxLength": 0} in part.get("oneOf", ()):
        part["anyOf"] = part.pop("oneOf")


def _example(name: str) -> dict[str, Any]:
    kind = PROBLEM_TYPES[name]
    return {
        "type": f"/problems/{name}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.remedy,
        "instance": "req_5f0c2b8e1d9a4c7f3b6e2a10",
    }
