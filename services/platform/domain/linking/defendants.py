"""Tell who a defendant is if the source's identifiers cannot: by name and birth, within one case.

A placeholder names nobody, and neither does an identifier that cannot be read. An identifier that two people share
names at most the first of them. A defendant without an identifier gets a name that says nothing about him, made with
the deployment's secret from the case, his name and his date of birth. If his name or birth is missing, he is known at
one hearing, as one source states it, by everything else that it says of him. If it says nothing of him, each statement
stays apart from all others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard, TypeVar

from schemas import values as v
from schemas.attachments import AtAHearing, ChargedParties, OfACase
from schemas.court_convictions.v1 import Defendant, OfAHearing
from schemas.doubts import Doubt, DoubtReason
from schemas.identifiers import cro, forces, pnc
from schemas.matters import Referring
from schemas.police_incidents.v1 import Party
from schemas.streams import REGISTRY
from schemas.values import Body, References
from services.platform.domain.linking.names import are_alike, first_and_last, name_and_birth

Identifier = Literal["urn", "asn", "defendant_id", "record"]
REFERENCES: tuple[Identifier, ...] = ("urn", "asn", "defendant_id")
OF_A_CASE = REGISTRY.bodies(OfACase)
H = TypeVar("H", bound=OfAHearing)

# How names begin that the relay makes. Each is made for one person, so it counts in whatever case it is written.
NAMED, APART, CHARGED = MADE_HERE = ("named.", "apart.", "charged.")
IsPlaceholder = Callable[[Identifier, str], bool]


@dataclass(frozen=True)
class Knowing:
    """How one deployment knows defendants: by its policy's placeholders and forces, and by its secret."""

    is_placeholder: IsPlaceholder
    knows_force: Callable[[str], bool]
    pseudonym: Callable[[str], str] = field(repr=False)

    def identified(self, body: Body, source: str, content: str) -> Body:
        """The same body by references that name somebody. `source`: the system that states it; `content`: what tells
        this statement from every other."""
        known: Body = self._in_a_case(body, source, content) if is_of_a_case(body) else body
        return known

    def _in_a_case(self, body: Any, source: str, content: str) -> Any:
        if isinstance(body, OfAHearing) and is_of_nobody(body.defendant, self.is_placeholder):
            defendant = body.defendant.model_copy(update={"record": None})
            body = body.model_copy(update={"defendant": defendant})
        refs: References = body.references
        nobody: dict[str, None] = dict.fromkeys(placeholders(refs, self.is_placeholder))
        usable = refs.model_copy(update=nobody)
        if usable.leading_asn is None and usable.defendant_id is None:
            usable = usable.model_copy(update={"defendant_id": self._known_otherwise(body, usable, source, content)})
        if usable == refs:
            return body
        force = self._force(body, usable) if "urn" in nobody else body.force_code
        return body.model_copy(update=_changed(body, usable) | {"force_code": force})

    def apart(self, body: H, source: str, content: str) -> H:
        """The same hearing of a defendant whose identifiers are known to be another man's."""
        his = self._named(body, body.references, source, content)
        refs = body.references.model_copy(update={"asn": None, "defendant_id": his})
        return body.model_copy(update=_changed(body, refs))

    def _known_otherwise(self, body: Any, refs: References, source: str, content: str) -> str | None:
        match REGISTRY.of_body[type(body)].attachment:
            case ChargedParties():
                return self._charged(body, refs)
            case AtAHearing():
                return self._named(body, refs, source, content)
        # An application has a reference of its own. It needs a name of its defendant only if nothing else is left.
        return None if refs.urn or refs.court_case else self._alone(content)

    def _named(self, body: OfAHearing, refs: References, source: str, content: str) -> str:
        """Known by name and birth within his case; without a URN that names one within one court and day, and there
        under what is written in its place: his hearings in two cases are two."""
        sitting = (body.references.urn or "-", body.court_ou, body.hearing_on.isoformat())
        if (who := known_by(body.defendant)) is not None:
            within = (refs.leading_urn,) if refs.leading_urn else sitting
            return f"{NAMED}{self._short(*within, *who)}"
        if not any(said := said_of(body.defendant)):
            return self._alone(content)
        return f"{APART}{self._short(source, *sitting, body.references.asn or '-', *said)}"

    def _charged(self, body: Any, refs: References) -> str:
        """A charge names no defendant: known by whom its first offence is about."""
        first = min(body.offences, key=lambda offence: offence.sequence, default=None)
        about = () if first is None else (first.crime_reference, *map(str, sorted(first.parties)))
        return f"{CHARGED}{self._short(refs.leading_urn or '-', *about)}"

    def _alone(self, content: str) -> str:
        return f"{APART}{self._short(content)}"

    def _short(self, *parts: str) -> str:
        return self.pseudonym("\x1f".join(("defendant", *parts)))[:16]

    def _force(self, body: Referring, refs: References) -> str | None:
        """The force of a case whose URN is a placeholder: that of the ASN, else of the court."""
        court_ou = body.court_ou if isinstance(body, OfAHearing) else refs.court_ou
        return next(filter(self.knows_force, forces(None, refs.asn, court_ou)), None)


def is_of_a_case(body: Body | None) -> TypeGuard[Referring]:
    """Whether it belongs to a defendant's court case, by which he is known."""
    return isinstance(body, OF_A_CASE)


def placeholders(refs: References, is_placeholder: IsPlaceholder) -> Iterator[Identifier]:
    """The references that name nobody."""
    for name in REFERENCES:
        stated = getattr(refs, name)
        if stated is not None and is_placeholder(name, stated):
            yield name


def placeholder_doubts(body: Body, is_placeholder: IsPlaceholder) -> Iterator[Doubt]:
    """The doubts that its sender is told: the placeholders in it."""
    if is_of_a_case(body):
        for name in placeholders(body.references, is_placeholder):
            yield Doubt(f"references.{name}", DoubtReason.IDENTIFIER_IS_PLACEHOLDER)
    if isinstance(body, OfAHearing) and is_of_nobody(body.defendant, is_placeholder):
        yield Doubt("defendant.record", DoubtReason.IDENTIFIER_IS_PLACEHOLDER)


def is_of_nobody(defendant: Defendant, is_placeholder: IsPlaceholder) -> bool:
    """Whether his record is what a source writes where it knows none."""
    return defendant.record is not None and is_placeholder("record", defendant.record.id)


def are_two(one: Defendant, other: Defendant) -> bool:
    """Whether these two are shown to be different people.

    One PNC id, or one record, is one person, however he is spelt. Names that differ by a letter, or by how much of them
    is written, are one person if the date of birth is the same. Twins are an exception: two PNC ids, or two records of
    one system, are two people.
    """
    pncs = tuple(pnc(each.pnc_id) if each.pnc_id else None for each in (one, other))
    if None not in pncs and pncs[0] == pncs[1]:
        return False
    if one.record is not None and one.record == other.record:
        return False
    if one.born is not None and other.born is not None and one.born != other.born:
        return True
    names = (first_and_last(one.name), first_and_last(other.name))
    if not all(names) or names[0] == names[1]:
        return False
    systems = {each.record.system for each in (one, other) if each.record}
    known_apart = None not in pncs or bool(one.record and other.record and len(systems) == 1)
    return known_apart or not (one.born is not None and one.born == other.born and are_alike(*names))


def known_by(somebody: Defendant | Party) -> tuple[str, str] | None:
    """Name and date of birth, as two spellings of one name have them; None where either is not known."""
    return name_and_birth(somebody.name, somebody.born.isoformat() if somebody.born else None)


def said_of(defendant: Defendant) -> tuple[str, ...]:
    """All that identifies him in a source's words, the same in each that it says of him; empty texts for what it does
    not say."""
    born, record = defendant.born, defendant.record
    return (
        first_and_last(defendant.name),
        born.isoformat() if born else "",
        (pnc(defendant.pnc_id) if defendant.pnc_id else None) or "",
        (cro(defendant.cro_number) if defendant.cro_number else None) or "",
        f"{record.system}/{record.id}" if record else "",
    )


def _changed(body: Referring, refs: References) -> dict[str, object]:
    """What a body says otherwise under other references: a hearing is a place of its case."""
    if isinstance(body, OfAHearing):
        return {"references": refs, "hearing": v.hearing_place(refs, body.court_ou, body.hearing_on)}
    return {"references": refs}
