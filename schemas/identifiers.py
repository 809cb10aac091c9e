"""One spelling for the identifiers that police, CPS and courts share: URN, ASN, PNC id and CRO number.

Each function gives the canonical form, by which two are compared, or None where the text cannot be read as one.
A check character is not checked: real ones are wrong.
Formats: bichard7-next-core `validatedHearingOutcome.ts` and `Asn.ts`; hmpps-person-record `PNCIdentifier`.
"""

import re
from collections.abc import Iterator

FIRST_OF_LAST_CENTURY = 50  # a year of two digits from here on is 19yy: PNC ids that are in use began later than 1950

_SEPARATORS = re.compile(r"[\s/\\._,-]+")
_URN = re.compile(r"([A-Z0-9]{4})([0-9]{3,7})((?:[A-Z][A-Z0-9]{0,5})?)")
_ASN = re.compile(r"([0-9]{2})([A-Z0-9]{6,7})([0-9]{11})([A-Z])")
_ASN_IN_PARTS = re.compile(r"([0-9]{2})/([A-Z0-9]{2,3}/?[A-Z0-9]{2})/([A-Z0-9]{2})/([0-9]{1,11})/?([A-Z])")
_PNC_IN_PARTS = re.compile(r"([0-9]{4}|[0-9]{2})/([0-9]{1,7})/?([A-Z])")
_LONG_PNC = re.compile(r"((?:19|20)[0-9]{2})([0-9]{6,7})([A-Z])")
_SHORT_PNC = re.compile(r"([0-9]{2})([0-9]{1,7})([A-Z])")
_CRO = re.compile(r"([0-9]{1,6})/?([0-9]{2})/?([A-Z])")
_FILE_CRO = re.compile(r"SF/?([0-9]{2})/?([0-9]{1,6})/?([A-Z])")
_COURT = re.compile(r"[A-Z]?([0-9]{2})[A-Z0-9]{4,5}")


def urn(raw: str) -> str | None:
    """A case's number: force, unit, then number and year of seven digits, and a suffix where a case was split."""
    found = _URN.fullmatch(_together(raw))
    if found is None:
        return None
    unit, number, suffix = found.groups()
    return f"{unit}{number:0>7}{suffix}"


def asn(raw: str) -> str | None:
    """An arrest/summons number without separators, its sequence of eleven digits."""
    found = _ASN_IN_PARTS.fullmatch(_parted(raw)) or _ASN.fullmatch(_together(raw))
    if found is None:
        return None
    *unit, sequence, check = (part.replace("/", "") for part in found.groups())
    return f"{''.join(unit)}{sequence:0>11}{check}"


def pnc(raw: str) -> str | None:
    """A PNC id with its year of four digits and its serial of seven: `2012/0163001B`. A serial of nothing but 0 is how
    systems write that they know none."""
    plain = _together(raw)
    found = _PNC_IN_PARTS.fullmatch(_parted(raw)) or _LONG_PNC.fullmatch(plain) or _SHORT_PNC.fullmatch(plain)
    if found is None:
        return None
    year, serial, check = found.groups()
    if not serial.strip("0"):
        return None
    if len(year) == 2:
        year = f"{'19' if int(year) >= FIRST_OF_LAST_CENTURY else '20'}{year}"
    return f"{year}/{serial:0>7}{check}"


def cro(raw: str) -> str | None:
    """A CRO number with its serial of six digits: `012345/99X`, or `SF99/012345X` of a record that has only a file."""
    parted = _parted(raw)
    if found := _FILE_CRO.fullmatch(parted):
        year, serial, check = found.groups()
        return f"SF{year}/{serial:0>6}{check}"
    if found := _CRO.fullmatch(parted):
        serial, year, check = found.groups()
        return f"{serial:0>6}/{year}{check}"
    return None


def case(text: str) -> str:
    """`<urn>/<asn or defendant id>` in one spelling, whatever separators were used."""
    for first, second in _divisions(text):
        known, arrest = "-" if first == "-" else urn(first), asn(second)
        if known and arrest:
            return f"{known}/{arrest}"
    first, _, second = text.partition("/")
    return f"{urn(first) or first}/{second}" if second else urn(first) or first


def hearing(text: str) -> str:
    """`<urn>/<asn or defendant id>/<court>/<date>` in one spelling; a text of another form as it is."""
    parts = text.rsplit("/", 2)
    return "/".join((case(parts[0]), *parts[1:])) if len(parts) == 3 and "/" in parts[0] else text


def order(text: str) -> str:
    """The place of an order, its hearing in one spelling."""
    place, found, line = text.partition("/order/")
    return f"{hearing(place)}{found}{line}"


def forces(case_number: str | None, arrest: str | None, court_ou: str | None) -> Iterator[str]:
    """The police forces that these name, the likeliest first: of a URN its first two characters, of an ASN those after
    the year, of a court those that say where it sits."""
    if case_number and (known := urn(case_number)):
        yield known[:2]
    if arrest and (known := asn(arrest)):
        yield known[2:4]
    if court_ou and (found := _COURT.fullmatch(court_ou)):
        yield found[1]


def _together(raw: str) -> str:
    return _SEPARATORS.sub("", raw.upper())


def _parted(raw: str) -> str:
    return _SEPARATORS.sub("/", raw.upper().strip())


def _divisions(text: str) -> Iterator[tuple[str, str]]:
    """Every way to divide a text at a slash."""
    for at, letter in enumerate(text):
        if letter == "/":
            yield text[:at], text[at + 1 :]
