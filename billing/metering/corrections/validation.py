"""Which corrections can be made, and what is wrong with the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from billing.metering.ingest.event_recorder import ACCEPTED, CONFLICT, DUPLICATE
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.store.corrections import StoredCorrection

REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class CorrectionRequest:
    """
    A correction asked for. index: its place in the request.

    id, source, key: of the event that is wrong. reason: why it is; never empty. replacement: what takes its place.
    """

    index: int
    id: str
    source: str
    key: str
    reason: str
    replacement: ReceivedEvent | None = None

    @property
    def kind(self) -> str:
        return "void" if self.replacement is None else "replace"


class CorrectionOutcome(NamedTuple):
    """What became of a correction; field and detail say what was wrong with it."""

    status: str
    field: str = ""
    detail: str = ""


def validate(
    wanted: Sequence[CorrectionRequest], *, stored: Mapping[str, str], corrected: Mapping[str, StoredCorrection]
) -> tuple[list[CorrectionOutcome], list[CorrectionRequest]]:
    """
    Return the outcome of each correction as it stands now, and those that are new.

    stored: key → digest of the events there are, wrong ones and replacements. corrected: by the wrong event's key.
    """
    outcomes = []
    new: dict[str, CorrectionRequest] = {}
    taken: set[str] = set()
    for one in wanted:
        if one.key not in stored:
            found = CorrectionOutcome(
                REJECTED,
                "id",
                f"no event with the id “{one.id}”{f' and the source “{one.source}”' if one.source else ''} is stored"
                " in this world (live and sandbox are apart); check the id, and the source if it was sent with one",
            )
        elif one.key in new or one.key in corrected:
            found = _again(one, new.get(one.key), corrected.get(one.key), stored)
        elif one.replacement and (one.replacement.key in stored or one.replacement.key in taken):
            found = CorrectionOutcome(
                CONFLICT,
                "replacement.id",
                f"the id “{one.replacement.id}” is taken by another event; give the replacement a new one",
            )
        else:
            found = CorrectionOutcome(ACCEPTED)
            new[one.key] = one
            taken |= {one.replacement.key} if one.replacement else set()
        outcomes.append(found)
    return outcomes, list(new.values())


def _again(
    one: CorrectionRequest, same: CorrectionRequest | None, known: StoredCorrection | None, stored: Mapping[str, str]
) -> CorrectionOutcome:
    """Return what a correction of an event that has one comes to: the same again, or another one."""
    if same is not None:
        is_same = (one.kind, one.reason, one.replacement and one.replacement.digest) == (
            same.kind,
            same.reason,
            same.replacement and same.replacement.digest,
        )
    elif known is not None:
        own = one.replacement
        is_same = (one.kind, one.reason) == (known.kind, known.reason) and (
            own is None or (own.key == known.replacement and own.digest == stored.get(own.key))
        )
    if is_same:
        return CorrectionOutcome(DUPLICATE)
    return CorrectionOutcome(
        CONFLICT,
        "id",
        f"the event “{one.id}” has been corrected before, otherwise; correct the event that replaced it, if there is"
        " one, or send the usage again under a new id",
    )
