"""How facts find their people: whose files each lies in, by which way, and what link is missing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from schemas.agency_responses.v1 import AgencyBody
from schemas.attachments import FromACourt, NotificationAnswered, SaidOfAMatter
from schemas.matters import case_of
from schemas.places import Place, crime_of, read_linked
from services.platform.domain.core.facts import CaseFile, Fact, in_the_world
from services.platform.domain.core.file_keys import FileKey, UnlinkedFile, is_unlinked
from services.platform.domain.linking.matters import Matters
from services.platform.domain.linking.merged_records import Joined, Placeholder, coded_records, join, of_persons
from services.platform.domain.linking.references import area_of_case, crimes
from services.platform.domain.linking.speaking import MAY_NOT_SPEAK, MaySpeak, Said, anybody, that_count
from services.platform.domain.linking.ways import attachment_of, names_for_people, unlinked_file, way_of
from services.platform.domain.people.victims import held


def never(_: str) -> bool:
    """No record id is a placeholder."""
    return False


@dataclass(frozen=True, slots=True)
class Linkage:
    """Where the facts of one closed set lie.

    `file_membership`: fact id to file key to the ids of the facts that lead there. `persons`: place to person key, by
    crime reference. `missing`: for a fact that still lacks a link, which one, in one word of the closed list. `joined`:
    the records that merges in the set join.
    """

    membership: Mapping[str, Mapping[FileKey, tuple[str, ...]]]
    persons: Mapping[str, Mapping[Place, FileKey]]
    missing: Mapping[str, str]
    joined: Mapping[FileKey, Joined] = field(default_factory=dict)


def current_facts(facts: Iterable[Fact]) -> list[Fact]:
    """The highest version of each statement, whatever the order of arrival. Withdrawn versions are left out, except
    what agencies say of a matter: one agency may withdraw what another has said and still says."""
    newest: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        rival = newest.get(fact.statement)
        if rival is None or rival.rank < fact.rank:
            newest[fact.statement] = fact
    return sorted((f for f in newest.values() if not f.withdrawn or is_said_of_a_matter(f)), key=in_the_world)


def link(current: Iterable[Fact], is_placeholder: Placeholder = never, may_speak: MaySpeak = anybody) -> Linkage:
    """Lead every current fact of a closed set of references to its people; answers are led by their notifications.
    What was withdrawn leads nowhere. What an agency says that may not speak about the matter leads nowhere either; it
    waits, and counts once the matter is one of the agency's."""
    facts = tuple(current)
    said = [fact for fact in facts if is_said_of_a_matter(fact)]
    stated = [fact for fact in facts if not is_said_of_a_matter(fact) and not fact.withdrawn]
    others = _indexed(stated, is_placeholder)
    if not said:
        return _linkage(others)
    incidents = {crime: body for crime, (_, body) in others.incidents.items()}
    answers, unheard = that_count([_said(others, fact) for fact in said], incidents, may_speak)
    counts = {fact.id for fact in answers.values() if not fact.withdrawn}
    stated_ids = {fact.id for fact in stated}
    linkage = _linkage(_indexed([f for f in facts if f.id in counts or f.id in stated_ids], is_placeholder))
    aside = {f.id: {_aside(f): ()} for f in said if f.id not in counts and not f.withdrawn}
    missing = dict.fromkeys(unheard & aside.keys(), MAY_NOT_SPEAK)
    return replace(linkage, membership={**linkage.membership, **aside}, missing={**linkage.missing, **missing})


def _aside(fact: Fact) -> FileKey:
    """Where a statement lies that counts for nothing: by itself, so that no rule reads it."""
    kind, subject = fact.statement
    return UnlinkedFile("aside", f"{kind}/{subject}").key


def files_of(
    facts: Iterable[Fact], is_placeholder: Placeholder = never, may_speak: MaySpeak = anybody
) -> dict[str, CaseFile]:
    """All case files that these facts make, by key; those of records that are one person's as one."""
    current = current_facts(facts)
    linkage = link(current, is_placeholder, may_speak)
    keys = {key for lies in linkage.membership.values() for key in lies}
    of_records = (file_of(key, current, linkage) for key in sorted(keys))
    return {file.key: file for file in of_persons(of_records, linkage.joined)}


def file_of(key: FileKey, current: Sequence[Fact], linkage: Linkage) -> CaseFile:
    """One file out of a linkage."""
    here = [fact for fact in current if key in linkage.membership.get(fact.id, {})]
    return CaseFile(
        key=key,
        facts=tuple(sorted(here, key=in_the_world)),
        persons={
            place: who
            for fact in here
            for crime in crimes(fact)
            for place, who in linkage.persons.get(crime, {}).items()
        },
        links={fact.id: ids for fact in here if (ids := linkage.membership[fact.id][key])},
        unlinked={fact.id: linkage.missing[fact.id] for fact in here if fact.id in linkage.missing}
        if is_unlinked(key)
        else {},
    )


def is_said_of_a_matter(fact: Fact) -> bool:
    """Whether it is an agency's statement about a matter of which others spoke."""
    return isinstance(attachment_of(fact), SaidOfAMatter)


def _indexed(current: Iterable[Fact], is_placeholder: Placeholder) -> Matters:
    matters = Matters(tuple(current), is_placeholder)
    for fact in matters.current:
        way_of(fact).index(matters, fact, fact.body)
    return matters


Membership = dict[str, dict[FileKey, tuple[str, ...]]]


def _linkage(matters: Matters) -> Linkage:
    membership: Membership = {}
    missing: dict[str, str] = {}
    for fact in matters.current:
        if isinstance(attachment_of(fact), NotificationAnswered):
            continue
        way = way_of(fact)
        found: dict[FileKey, set[str]] = {}
        paths = tuple(way.paths(matters, fact, fact.body))
        for path in (*paths, *way.beside(matters, fact.body)):
            found.setdefault(path.person, set()).update(path.through - {fact.id})
        refusal = _refusal_of(matters, fact)
        if lacks := way.lacks(matters, fact, fact.body, paths) if refusal is None else None:
            missing[fact.id] = lacks
        if way.also_unlinked or not found or lacks:
            in_unlinked_file = found.setdefault(_unlinked_file_of(matters, fact), set())
            in_unlinked_file.update(i for ids in list(found.values()) for i in ids)
            if refusal is not None and refusal is not fact:
                in_unlinked_file.add(refusal.id)
        membership[fact.id] = {key: tuple(sorted(ids)) for key, ids in found.items()}
    _lay_refusals_in_unlinked_files(matters, membership)
    _lay_incidents_in_unlinked_files(matters, membership)
    _lay_leads_to_the_coded(matters, membership)
    persons = {crime: matters.places(crime) for crime in {*matters.incidents, *matters.children}}
    return Linkage(membership, persons, missing, join(matters.current, matters.is_placeholder))


def _unlinked_file_of(matters: Matters, fact: Fact) -> FileKey:
    """The file of a statement about whom an order protects: the order's own, whatever references its case has."""
    order = matters.lines.get(way_of(fact).order_asked_of(fact.body) or "")
    return unlinked_file(fact if order is None else order)


def _refusal_of(matters: Matters, fact: Fact) -> Fact | None:
    """The current refusal that says this fact concerns nobody here."""
    if not matters.refused:
        return None
    return next((matters.refused[name] for name in names_for_people(fact) if name in matters.refused), None)


def _lay_refusals_in_unlinked_files(matters: Matters, membership: Membership) -> None:
    """A refusal lies where what it refuses does: it ends what is asked there."""
    for fact in matters.current if matters.refused else ():
        if (refusal := _refusal_of(matters, fact)) is not None:
            membership[refusal.id].setdefault(unlinked_file(fact), ())


def _lay_incidents_in_unlinked_files(matters: Matters, membership: Membership) -> None:
    """Put two sorts of incidents into the unlinked file of a court fact that they lead to.

    First, incidents whose ordinary routes wait: the questions asked in that file must not reach those who may not know
    of them. Second, if the court names somebody by record, all incidents: where it is known whom the order concerns,
    nobody must be asked. A merge can say so, and linking does not know merges.
    """
    crimes_of = {fact.id: crime for crime, (fact, _) in matters.incidents.items()}
    waits = {fact.id for fact, incident in matters.incidents.values() if held(incident) is not None}
    for fact in matters.current:
        if isinstance(attachment_of(fact), FromACourt):
            in_unlinked_file, coded = unlinked_file(fact), coded_records(fact.body)
            for led_to in crimes_of.keys() & membership[fact.id].get(in_unlinked_file, ()):
                if coded or led_to in waits:
                    membership.setdefault(led_to, {}).setdefault(in_unlinked_file, ())


def _lay_leads_to_the_coded(matters: Matters, membership: Membership) -> None:
    """If a court names somebody by record, put the facts that lead its orders to incidents into the files of everyone
    whom the orders concern. They then know who stands at those incidents, and whose order a coded name makes it."""
    facts = {fact.id: fact for fact in matters.current}
    for fact in matters.current:
        if coded_records(fact.body):
            through = [facts[i] for i in membership[fact.id].get(unlinked_file(fact), ())]
            leads = [led.id for led in through if way_of(led).is_lead]
            says_who = [led.id for led in through if way_of(led).states_people]
            for key, ids in membership[fact.id].items():
                if not is_unlinked(key):
                    membership[fact.id][key] = tuple(sorted({*ids, *leads, *says_who}))
                    for lead in leads:
                        membership[lead].setdefault(key, tuple(says_who))


def _said(matters: Matters, fact: Fact) -> Said:
    """What an agency says of a matter, with all that police and courts say of the same reference."""
    assert isinstance(fact.body, AgencyBody)  # noqa: S101 - agencies alone say it
    way = way_of(fact)
    reference = way.question(fact.subject)
    what, place = read_linked(reference)
    case = None if what == "application" else case_of(place)
    about = [f for f in matters.current if way_of(f).is_of(f.body, reference, case)]
    cases = {area for f in about if (area := way_of(f).area(f.body))}
    named = () if fact.withdrawn else way.parties_named(fact.body)
    return Said(
        fact=fact,
        agency=fact.body.agency,
        reference=reference,
        leads_to=frozenset(crime_of(p.place) for f in about for p in way_of(f).paths(matters, f, f.body) if p.place),
        names=frozenset(party.crime_reference for party in named),
        beside=frozenset({reference, *(name for f in about for name in names_for_people(f))}),
        cases=frozenset(cases or ({area_of_case(case)} if case else ())),
    )
