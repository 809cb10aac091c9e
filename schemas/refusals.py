"""Why a record is refused: one closed list of words, each with the sentence that a sender's developer reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from schemas.coded_words import CodedWord

Stage = Literal["decode", "validate", "decide"]


class RefusalReason(CodedWord):
    """The word is the log field, the dead letter's header and the metric's label; `sentence` is for people."""

    NOT_JSON = "not_json", "The content is not JSON."
    INCOMPLETE = "incomplete", "The content stops before its end, or there is none."
    WRONG_ENCODING = (
        "wrong_encoding",
        "The content is not in the encoding that is expected: UTF-8 without a byte order mark, or what XML declares.",
    )
    HALF_A_CHARACTER = "half_a_character", "A text holds half of a surrogate pair, which is no character by itself."
    TOO_LARGE = "too_large", "The content or its headers are larger than this stream takes."
    TOO_DEEP = "too_deep", "The content is nested deeper than any event is."
    NUL_CHARACTER = "nul_character", "A text holds the character NUL."
    NOT_FINITE_NUMBER = "not_finite_number", "A number is NaN, infinite or too great for a float."
    NUMBER_TOO_LARGE = "number_too_large", "A whole number does not fit into 64 bits."
    DUPLICATE_KEY = "duplicate_key", "An object holds the same key twice, so that nobody can say which one is meant."
    MISSING_HEADER = "missing_header", "A CloudEvents attribute that every event needs is not there."
    INVALID_HEADER = "invalid_header", "A CloudEvents attribute is there twice or not in the form that is expected."
    UNKNOWN_TYPE = "unknown_type", "No release that runs here knows this type of event."
    UNKNOWN_VERSION = "unknown_version", "The type is known, this major version of it is not."
    UNKNOWN_VALUE = "unknown_value", "A coded field has a value that is not on its list."
    INVALID_FIELD = "invalid_field", "A field has the wrong type or form."
    MISSING_FIELD = "missing_field", "A field that this type needs is not there."
    UNKNOWN_FIELD = (
        "unknown_field",
        "A field is not known to this type; only those who write are told, readers ignore it.",
    )
    SUBJECT_MISMATCH = "subject_mismatch", "The subject in the envelope is not what the content is about."
    KEY_MISMATCH = "key_mismatch", "The record's key is not the subject, so that versions could overtake each other."
    WRONG_STREAM = "wrong_stream", "The type is known, and belongs on another stream."
    SOURCE_TIME_AHEAD = "source_time_ahead", "The source's time lies further ahead than clocks differ."
    ID_REUSED = (
        "id_reused",
        "An event with this id from this source, and another content or version, was accepted before.",
    )
    PLACEHOLDER_NAMED = (
        "placeholder_named",
        "What it is about is named by a placeholder, which is nobody's: many cases carry the same.",
    )
    UNKNOWN_FORCE = "unknown_force", "The policy in use knows no police force with this code."
    UNKNOWN_AGENCY = "unknown_agency", "The policy in use knows no agency with this id."
    NOT_ENTITLED = "not_entitled", "An agency of this kind may not state this."
    NOT_STORABLE = "not_storable", "The database cannot hold a value of the event."
    FAULTED = "faulted", "The relay could not judge the record; it is kept, and judged again after a release."
    NOT_XML = "not_xml", "The court message is not well-formed XML."
    XML_ENTITIES = "xml_entities", "The court message declares entities or a document type, which is never read."
    NOT_A_COURT_RESULT = "not_a_court_result", "The content is not a message of a court that the relay reads."

    @property
    def replayable(self) -> bool:
        """A later release or policy may know what is unknown today: the same record is then accepted."""
        return self in _UNKNOWN_TODAY


_UNKNOWN_TODAY = frozenset({
    RefusalReason.UNKNOWN_TYPE,
    RefusalReason.UNKNOWN_VERSION,
    RefusalReason.UNKNOWN_VALUE,
    RefusalReason.UNKNOWN_FORCE,
    RefusalReason.UNKNOWN_AGENCY,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that is not accepted. `detail` says which field is wrong and what is expected, and quotes no value.

    `type_name`: the type without its version, where it is one that the registry knows.
    """

    reason: RefusalReason
    stage: Stage
    detail: str
    type_name: str | None = None


Step = str | int
UNNAMED = "(a name that is not known here)"


def spoken_path(path: Iterable[Step], known: frozenset[str]) -> str:
    """`parties[0].role`. A name that is no known field may come from the input, and is not repeated."""
    spoken = ""
    for step in path:
        if isinstance(step, int):
            spoken += f"[{step}]"
        else:
            spoken += f"{'.' if spoken else ''}{step if step in known else UNNAMED}"
    return spoken or "the content"
