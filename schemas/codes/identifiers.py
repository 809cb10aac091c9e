"""Whether an identifier's check letter agrees with its digits: a sign to look twice, never a reason to refuse.

Public fixtures of these identifiers fail their own check, and a real one may be mistyped at its source.
"""

import re
from enum import StrEnum

LETTERS = "ZABCDEFGHJKLMNPQRTUVWXY"

# Year, optional level, force, unit, system, sequence. The sum reads force, system, year, sequence; letters drop out.
_ASN = re.compile(r"([0-9]{2})[A-Z0-9]?([A-Z0-9]{2})[A-Z0-9]{2}([A-Z0-9]{2})([0-9]{11})([A-HJ-NP-RT-Z])")
_PNC = re.compile(r"(?:[0-9]{2})?([0-9]{2})/([0-9]{1,7})([A-Z])")
_CRO = re.compile(r"(?:([0-9]{1,6})/([0-9]{2})|SF([0-9]{2})/([0-9]{1,6}))([A-Z])")
_COURT_CASE = re.compile(r"([0-9]{2})/([0-9]{4})/([0-9]{6})([A-Z])")


class Check(StrEnum):
    """What a look at an identifier shows."""

    AGREES = "agrees"
    WRONG_LETTER = "wrong_letter"
    NOT_IN_FORM = "not_in_form"


def asn(text: str) -> Check:
    """An arrest/summons number, `2554DC0100000004321D`; separators are not part of it."""
    found = _ASN.fullmatch(text)
    if not found:
        return Check.NOT_IN_FORM
    year, force, system, sequence, letter = found.groups()
    numeric = [part for part in (force, system) if part.isdecimal()]
    return _compare("".join((*numeric, year, sequence)), letter)


def pnc(text: str) -> Check:
    """A Police National Computer id, `2012/0052494Q` or short `12/52494Q`."""
    found = _PNC.fullmatch(text)
    return _compare(found[1] + found[2].zfill(7), found[3]) if found else Check.NOT_IN_FORM


def cro(text: str) -> Check:
    """A Criminal Records Office number, `123456/99X` or `SF99/1234X`."""
    found = _CRO.fullmatch(text)
    if not found:
        return Check.NOT_IN_FORM
    serial, year, file_year, file_serial, letter = found.groups()
    return _compare((year or file_year) + (serial or file_serial).zfill(6), letter)


def court_case(text: str) -> Check:
    """A court case reference, `97/1626/008395Q`."""
    found = _COURT_CASE.fullmatch(text)
    return _compare(found[1] + found[2] + found[3], found[4]) if found else Check.NOT_IN_FORM


def _compare(digits: str, letter: str) -> Check:
    return Check.AGREES if LETTERS[int(digits) % len(LETTERS)] == letter else Check.WRONG_LETTER
