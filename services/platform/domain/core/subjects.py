"""Write what a duty is about into its key: a place, with whatever else tells duties of one rule apart."""

from schemas.places import crime_of


def of_person(about: str, person: str) -> str:
    """The subject of a duty about an order, a hearing or an application, and the person whom it concerns there."""
    return f"{about}/{person}"


def case_of_offence(subject: str) -> str:
    """Reads the case back from the subject of a duty about an offence: it follows the place of a party."""
    return "/".join(subject.split("/")[3:5])


def of_fact(kind: str, subject: str) -> str:
    """The subject of a duty about a fact that leads to nobody: `<type>:<the fact's subject>`."""
    return f"{kind}:{subject}"


def read_fact(subject: str) -> str:
    """Reads the fact's subject back from the subject of a duty about a fact."""
    return subject.partition(":")[2]


def is_about(subject: str, place: str) -> bool:
    """Whether a duty's subject is this place, or says this place among other things."""
    return subject == place or subject.startswith(f"{place}/") or subject.endswith(f"/{place}")


def names_crime(subject: str, crime: str) -> bool:
    """Whether the subject of a duty, or of an escalation step about it, says a place of this incident."""
    return crime in subject.split("/")


def matter_in(subject: str) -> str:
    """What a subject begins with: the incident, or the court case, that the duty is about."""
    return crime_of(subject)
