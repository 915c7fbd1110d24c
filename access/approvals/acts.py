"""Acts that may need a second person, each with its frozen content, and the people who ask for them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import Model

from access.models.approvals import ApprovalKind
from lib.email_layout import EmailTable

ACTS: dict[str, type[Act[Any]]] = {}
"""The acts by their stored name."""

Outcome = TypeVar("Outcome", bound=Model)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActFacts:
    """
    The facts about an act as the database has them now; a request stores them, and approval compares them.

    subject: the row that the act is about. title: the act in words, without the customer's name.
    amount, unit: moved by the act; None and "" for an act without an amount.
    customer_id, seller_id: whom the act concerns; None if it concerns none, or all.
    is_exempt: whether it needs no approval in any case, since it was carried out before under the same reference, or
        tightens a rule.
    versions: name of an object that the act depends on → its state; a request lapses when one of them changes.
    rows: (label, value) for the approver.
    """

    subject: Model
    title: str
    amount: Decimal | None = None
    unit: str = ""
    customer_id: int | None = None
    seller_id: int | None = None
    sandbox: bool = False
    is_exempt: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    rows: Sequence[tuple[str, str]] = ()


class Act(msgspec.Struct, Generic[Outcome], frozen=True, kw_only=True):
    """
    An act with its arguments, which are the content that a request freezes.

    name: stored with a request, so it never changes. permission: needed to ask for it.
    refusals: the exceptions by which `read_facts` and `carry_out` refuse it.
    """

    name: ClassVar[str]
    kind: ClassVar[ApprovalKind]
    permission: ClassVar[str]
    refusals: ClassVar[tuple[type[Exception], ...]]

    @classmethod
    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        ACTS[cls.name] = cls

    def read_facts(self, *, at: datetime) -> ActFacts:
        """
        Lock the rows that the act depends on, and return its facts.

        at: the time of the request; customers with a test clock have a time of their own.
        """
        raise NotImplementedError

    def carry_out(self, *, by: User | None, at: datetime) -> Outcome:
        """Carry the act out for the person who asked for it, and return the row that it made or changed."""
        raise NotImplementedError

    def hold(self) -> None:
        """
        Keep the act's object as it is while a new request for the act waits.

        :raises Exception: one of `refusals` if another request holds it.
        """

    def release(self) -> None:
        """Let the object change again, because its request ended without being carried out."""

    def compare(self, *, at: datetime) -> Sequence[EmailTable]:
        """Return the differences that the act makes, as tables for its approvers; none by default."""
        return ()

    def freeze(self) -> dict[str, Any]:
        """Return the content as JSON: decimals and times as text, so that nothing is rounded."""
        content: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return content

    def digest(self) -> str:
        """Return the SHA-256 of name and content."""
        return hashlib.sha256(self.name.encode() + b"\n" + msgspec.json.encode(self, order="sorted")).hexdigest()


def thaw(name: str, content: dict[str, Any]) -> Act[Any]:
    """Return the act that a request froze."""
    act: Act[Any] = msgspec.convert(content, ACTS[name], str_keys=True, strict=False)
    return act


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """The user or the API key that asks for an act; exactly one of them."""

    user: User | None = None
    api_key_id: int | None = None

    @property
    def person_id(self) -> int | None:
        """The user, or the creator of the key."""
        if self.user is not None:
            return self.user.pk
        # By name: this app is below the one with the keys.
        keys: Any = apps.get_model("customers", "ApiKey")._default_manager
        creator_id: int | None = keys.values_list("created_by_id", flat=True).get(pk=self.api_key_id)
        return creator_id
