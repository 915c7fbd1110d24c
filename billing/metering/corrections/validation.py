"""Validation of corrections against the stored events and earlier corrections."""

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
    A requested correction.

    index: its position in the request.
    id, source, key: identify the event that is wrong.
    reason: why the event is wrong; never empty.
    replacement: the event that replaces it; None to void it.
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
    """The outcome of a correction. field, detail: the field that is wrong, and why."""

    status: str
    field: str = ""
    detail: str = ""


def validate(
    requests: Sequence[CorrectionRequest], *, stored: Mapping[str, str], corrected: Mapping[str, StoredCorrection]
) -> tuple[list[CorrectionOutcome], list[CorrectionRequest]]:
    """
    Return the outcome of each correction at present, and the new ones among them.

    stored: key → digest of the stored events, wrong ones and replacements.
    corrected: earlier corrections, by the wrong event's key.
    """
    outcomes = []
    new: dict[str, CorrectionRequest] = {}
    replacement_keys: set[str] = set()
    for request in requests:
        if request.key not in stored:
            outcome = CorrectionOutcome(
                REJECTED,
                "id",
                f"no event with the ID “{request.id}”"
                f"{f' and the source “{request.source}”' if request.source else ''} is stored;"
                " check the ID, its source if it has one, whether it is a live or a sandbox event, and whether its"
                " retention is over",
            )
        elif request.key in new or request.key in corrected:
            outcome = _repeated_outcome(request, new.get(request.key), corrected.get(request.key), stored)
        elif request.replacement and (
            request.replacement.key in stored or request.replacement.key in replacement_keys
        ):
            outcome = CorrectionOutcome(
                CONFLICT,
                "replacement.id",
                f"the ID “{request.replacement.id}” belongs to another event; use a new one for the replacement",
            )
        else:
            outcome = CorrectionOutcome(ACCEPTED)
            new[request.key] = request
            replacement_keys |= {request.replacement.key} if request.replacement else set()
        outcomes.append(outcome)
    return outcomes, list(new.values())


def _repeated_outcome(
    request: CorrectionRequest,
    earlier_request: CorrectionRequest | None,
    stored_correction: StoredCorrection | None,
    stored: Mapping[str, str],
) -> CorrectionOutcome:
    """
    Return the outcome for an event that already has a correction: a duplicate if it is the same one, else a conflict.
    """
    if earlier_request is not None:
        is_same = (request.kind, request.reason, request.replacement and request.replacement.digest) == (
            earlier_request.kind,
            earlier_request.reason,
            earlier_request.replacement and earlier_request.replacement.digest,
        )
    elif stored_correction is not None:
        replacement = request.replacement
        is_same = (request.kind, request.reason) == (stored_correction.kind, stored_correction.reason) and (
            replacement is None
            or (
                replacement.key == stored_correction.replacement and replacement.digest == stored.get(replacement.key)
            )
        )
    if is_same:
        return CorrectionOutcome(DUPLICATE)
    return CorrectionOutcome(
        CONFLICT,
        "id",
        f"the event “{request.id}” was already corrected differently; correct its replacement, if any, or send"
        " the usage again with a new ID",
    )
