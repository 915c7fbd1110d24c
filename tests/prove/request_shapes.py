"""Requests made from the API's own description: valid ones, and ones with something wrong in them."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

Schema = Mapping[str, Any]

HOSTILE: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        2**31,
        2**63,
        10**40,
        -(10**38),
        1e308,
        5e-324,
        -0.0,
        0.1,
        float("nan"),
        float("inf"),
    ),
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "\udfff\ud800",
        "x" * 5_000,
        "\u202ertl",
        "e\u0301",
        "🦊",
        "١٢٣",
        "1_000",
        "NaN",
    ),
    *("' OR 1=1--", "%s", "%00", "{}", "../../etc/passwd", "=1+1", "<script>", "0x10", "1e400", "-0", "+1", "1,5"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30", "2026-01-01T00:00:00", "12:00", "2026-01-01"),
    *([], {}, [[]], [None], {"": None}, {"\0": 1}, {"a": {"b": {"c": [1]}}}, [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]),
)

BODIES: tuple[bytes, ...] = (
    *(b"", b"{", b"[]", b"null", b'"text"', b"1", b"{} {}", b"\xff\xfe", b'{"a": "\xff"}', b"[" * 100_000, b"\0"),
    *(b'{"id": "a", "id": "b"}', b"[" * 20 + b"]" * 20, b'{"a": NaN}', b'{"a": 1e999999999}', b"9" * 5_000),
)

HEADERS: tuple[tuple[str, str], ...] = (
    ("Content-Type", "text/plain"),
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Content-Type", "application/json; charset=utf-16"),
    ("Content-Type", "\x7f"),
    ("Accept", "text/csv"),
    ("Accept", "*/*;q=x"),
    ("Accept-Language", "zz-ZZ;q=99"),
    ("Accept-Encoding", "gzip"),
    ("Idempotency-Key", ""),
    ("Idempotency-Key", "k" * 256),
    ("Idempotency-Key", "schl\xfcssel"),
    ("Request-Id", "\xff" * 300),
    ("Host", "evil.example"),
    ("Host", "localhost"),
    ("X-Forwarded-For", "1.2.3.4, unknown"),
    ("Range", "bytes=5-1"),
    ("If-None-Match", '"\xe9'),
    ("Cookie", "sessionid=\xff; csrftoken="),
    ("Authorization", "Bearer"),
    ("Authorization", "Bearer tb_live_nobody"),
    ("Authorization", "Basic \xff"),
)


@dataclass
class Request:
    """One request. endpoint: method and template of the address, by which it is counted."""

    endpoint: str
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        headers = {name: value for name, value in self.headers.items() if name != "Authorization"}
        return f"{self.method} {self.path[:300]} {headers} {self.body[:600]!r}"


class Shapes:
    """
    Makes requests for the operations of an OpenAPI document.

    known: name of a parameter or property → values that mean something to the server. What is not known is made by
    its schema, so a new address needs nothing here, unless it asks for names that only the database knows.
    """

    def __init__(self, document: Mapping[str, Any], known: Mapping[str, list[Any]], chance: random.Random) -> None:
        self.schemas = document["components"]["schemas"]
        self.operations = [
            (method.upper(), path, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
        ]
        self.known, self.chance = known, chance
        self._serial = 0
        self._deck: list[tuple[str, str, Schema]] = []

    def request(self) -> Request:
        """Return a request to each operation in turn: half of them valid as far as the description goes."""
        if not self._deck:
            self._deck = self.chance.sample(self.operations, len(self.operations))
        method, path, operation = self._deck.pop()
        wrongs = self.chance.choice((0, 0, 0, 1, 1, 2))
        spoiled = [self.chance.choice(("path", "query", "body", "body", "body", "header")) for _ in range(wrongs)]
        values = {"path": {}, "query": {}, "header": {}}
        for one in operation.get("parameters", []):
            if one.get("required") or self.chance.random() < 0.4:
                values[one["in"]][one["name"]] = self._value(one["schema"], one["name"])
        body = b""
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            body = self._body(self._value(schema, ""), is_spoiled="body" in spoiled)
        if "path" in spoiled and values["path"]:
            values["path"][self.chance.choice(list(values["path"]))] = self._hostile()
        if "query" in spoiled:
            name = self.chance.choice([*values["query"], "cursor", "limit", "unknown", "\0"])
            values["query"][name] = self._hostile()
        headers = {"Content-Type": "application/json", **values["header"]}
        if "header" in spoiled:
            headers.update([self.chance.choice(HEADERS)])
        filled = path
        for name, value in values["path"].items():
            filled = filled.replace("{" + name + "}", quote(_text(value), safe="", errors="surrogatepass"))
        query = urlencode({name: _text(one) for name, one in values["query"].items()}, errors="surrogatepass")
        return Request(f"{method} {path}", method, f"{filled}?{query}" if query else filled, body, headers)

    # Valid values ---------------------------------------------------------------------------------------------------

    def _value(self, schema: Schema, name: str) -> Any:
        schema = self._resolved(schema)
        if found := self._known(schema, name):
            return self.chance.choice(found)
        if "enum" in schema:
            return self.chance.choice(schema["enum"])
        kind = schema.get("type", "string")
        if isinstance(kind, list):
            kind = kind[0]
        made = {
            "object": self._object,
            "array": lambda schema, name: [
                self._value(schema["items"], name) for _ in range(self.chance.randint(1, 3))
            ],
            "integer": lambda schema, _: self.chance.randint(schema.get("minimum", 0), schema.get("maximum", 1_000)),
            "number": lambda _schema, _name: self.chance.randint(0, 10_000) / 100,
            "boolean": lambda _schema, _name: self.chance.random() < 0.5,
        }
        return made.get(kind, self._string)(schema, name)

    def _known(self, schema: Schema, name: str) -> list[Any]:
        is_number = schema.get("type") == "integer"
        return [one for one in self.known.get(name, []) if isinstance(one, int) == is_number]

    def _resolved(self, schema: Schema) -> Schema:
        while True:
            if "$ref" in schema:
                schema = self.schemas[schema["$ref"].rpartition("/")[2]]
            elif "allOf" in schema:
                schema = schema["allOf"][0]
            elif "oneOf" in schema:
                schema = self.chance.choice(schema["oneOf"])
            else:
                return schema

    def _object(self, schema: Schema, name: str) -> dict[str, Any]:
        properties = schema.get("properties", {})
        if isinstance(named := schema.get("additionalProperties"), dict):
            return {"model": self._value(named, "model")}
        if not properties:
            return self._free()
        required = schema.get("required", ())
        return {
            key: self._value(inner, key)
            for key, inner in properties.items()
            if not inner.get("readOnly") and (key in required or self.chance.random() < 0.35)
        }

    def _free(self) -> dict[str, Any]:
        """Return properties of an event: some that meters read, and anything else."""
        found: dict[str, Any] = {"units": self.chance.choice([1, 2.5, "3", 10**12, 0]), "model": "atlas"}
        for _ in range(self.chance.randint(0, 3)):
            found[self.chance.choice("abcdef")] = self.chance.choice(
                [1, "x", None, [1, 2], {"k": "v"}, 0.1, self._hostile()]
            )
        return found

    def _string(self, schema: Schema, name: str) -> str:
        self._serial += 1
        if schema.get("format") == "date-time":
            days = 5 if name in ("ends_at", "until") else -self.chance.uniform(0.1, 9)
            if name == "until":
                days = -0.05
            return (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
        if schema.get("format") == "email":
            return f"u{self._serial}@example.com"
        if schema.get("maxLength") == 0:
            return ""
        if "example" in schema and name != "id":
            return str(schema["example"])
        return f"n{self._serial}-{self.chance.randrange(10**6)}"[: schema.get("maxLength", 60)]

    # Something wrong ------------------------------------------------------------------------------------------------

    def _hostile(self) -> Any:
        return self.chance.choice(HOSTILE)

    def _body(self, value: Any, *, is_spoiled: bool) -> bytes:
        if is_spoiled and self.chance.random() < 0.1:
            return self.chance.choice(BODIES)
        if is_spoiled:
            value = self._spoil(value)
        return json.dumps(value, ensure_ascii=self.chance.random() < 0.5).encode("utf-8", "surrogatepass")

    def _spoil(self, value: Any) -> Any:
        """Replace, drop or add something, anywhere in a value."""
        if isinstance(value, dict) and value and self.chance.random() < 0.9:
            key = self.chance.choice(list(value))
            what = self.chance.random()
            if what < 0.7:
                return value | {key: self._spoil(value[key])}
            if what < 0.85:
                return {name: one for name, one in value.items() if name != key}
            return value | {str(self._hostile())[:300]: self._hostile()}
        if isinstance(value, list) and value and self.chance.random() < 0.9:
            place = self.chance.randrange(len(value))
            return [*value[:place], self._spoil(value[place]), *value[place + 1 :]]
        return self._hostile()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
