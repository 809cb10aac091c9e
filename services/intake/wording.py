"""What the free text of a court result settles, and what it leaves open: only plain statements count."""

import re
from collections.abc import Iterator

from schemas.codes.court_results import AskedFor
from schemas.court_convictions.v1 import Verdict
from schemas.court_order_variations.v1 import OrderAction

# The longest text that is searched; courts write at most 2,500 letters.
SEARCHED = 8000


def _text(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_DISCHARGED = _text(
    r"^\W*(?:discharged|revoked)\W*$"
    r"|\border\b[^.;:]{0,100}?(?<!conditionally )(?<!absolutely )\b(?:discharged|revoked|rescinded|set aside|quashed)\b"
)
_VARIED = _text(r"^\W*(?:varied|amended|extended)\W*$|\border\b[^.;:]{0,100}?\b(?:varied|amended|extended)\b")
_DISCHARGE_IS_SPOKEN_OF = _text(r"\b(?:discharg|revo[kc]|rescind|set aside|quash|lift)")
_CHANGE_IS_SPOKEN_OF = _text(r"\b(?:vari|vary|amend|exten[ds])")
_EXTENDS = _text(r"\b(?:extend|renew|prolong)\w*|\bfurther (?:period|term)\b")
_ASKED_FOR = _text(r"\b(?:appl(?:y|ies|ied|ication)) (?:to|for)\b[^.;:]*")
_ABOUT_ONE = _text(
    r"\b(?:restraining|domestic abuse protection|stalking protection) order\b[^.;:\n]{0,100}?"
    r"\b(?:discharged|revoked|rescinded|set aside|quashed|varied|amended|extended)\b"
)
_OF_ONE = _text(r"\b(?:restraining|domestic abuse protection|stalking protection) order\b")
# What an application asks for, the gravest first: one that asks for several things asks for that.
_ASKED: tuple[tuple[AskedFor, re.Pattern[str]], ...] = (
    ("discharge", _text(r"\b(?:discharg|revo[kc]|rescind|set aside|lift)")),
    ("renew", _text(r"\b(?:renew|exten[ds])")),
    ("vary", _text(r"\b(?:vary|varied|variation|amend)")),
)
_NOT_DONE = _text(r"\b(?:refus|reject|dismiss|withdr[ae]wn?|adjourn|pending|consider)\w*|\border (?:is |was )?not\b")
# Words that make a discharge less than one of the whole order, now.
_NOT_WHOLE = _text(
    r"\b(?:not|nor|if|unless|to be|from|terms?|conditions?|prohibitions?|paragraphs?|clauses?|parts?|partly|remain\w*|"
    r"continu\w*|except\w*|save|otherwise|only|replac\w*|new order)\b"
)

_PROTECTS = _text(
    r"\b(?:contact|approach|communicat\w+|harass|molest|threaten|pester|intimidat\w+|follow|protect\w*)"
    r"((?:[\s,]+[^\s.;:]+){1,8})"
)
_WORD = re.compile(r"[^\W\d_][\w'’-]+")
_NOT_A_NAME = """
directly indirectly or and nor by any means whatsoever whether with either in person through third party parties the a
an her him them his their he she it its this that said victim victims complainant complainants witness witnesses
defendant person persons anyone prosecution family member members partner wife husband child children mother father of
to not from at on for except via save be is are until unless other social media telephone phone text letter email
harassment fear violence order ordered court within metres miles mile go enter attend address contact approach
communicate communication
"""
NOT_A_NAME = frozenset(_NOT_A_NAME.split())

_VERDICTS = (
    (Verdict.NGRI, _text(r"\b(?:reasons?|grounds?) of insanity\b|\bspecial verdict\b")),
    (Verdict.UNFIT_DID_ACT, _text(r"\bdid (?:do )?the acts?\b")),
    (Verdict.LIES_ON_FILE, _text(r"\b(?:lies?|left|lay|remains?) on (?:the )?(?:court )?file\b")),
    (
        Verdict.QUASHED,
        _text(
            r"\bconvictions? (?:is |was |are |be )?quashed\b"
            r"|(?<!to )\bappeals? against (?:the |his |her )?convictions?(?: and (?:the )?sentences?)?"
            r" (?:is |was )?allowed\b"
        ),
    ),
    (
        Verdict.DISCONTINUED,
        _text(
            r"^\W*discontinued\W*$|\bnotice of discontinuance\b"
            r"|\b(?:proceedings|case|charge|offence|prosecution)\b[^.;]{0,40}\bdiscontinued\b"
        ),
    ),
)
_STILL_TO_BE_FOUND = _text(r"\b(?:not|whether|if|determine|trial of)\b[^.;]{0,60}\bdid (?:do )?the acts?\b")
_TIME_SERVED = _text(r"\btime (?:already )?served\b")
_ON_ACQUITTAL = _text(r"\b(?:on|following) (?:an |his |her )?acquittal\b")
_ON_CONVICTION = _text(r"\b(?:on|following) (?:a |his |her )?conviction\b")


def change(text: str, *, extended: bool) -> OrderAction:
    """What was done to an earlier order, if the text says one thing only; `extended`: a qualifier says that it was.

    What was asked for is no statement of what was done.
    """
    done = _ASKED_FOR.sub("", text[:SEARCHED])
    if _NOT_DONE.search(text[:SEARCHED]):
        return OrderAction.CHANGED_NOT_STATED
    if _DISCHARGE_IS_SPOKEN_OF.search(done):
        varied_too = extended or _CHANGE_IS_SPOKEN_OF.search(done)
        whole = _DISCHARGED.search(done) and not varied_too and not _NOT_WHOLE.search(done)
        return OrderAction.DISCHARGED if whole else OrderAction.CHANGED_NOT_STATED
    return OrderAction.VARIED if extended or _VARIED.search(done) else OrderAction.CHANGED_NOT_STATED


def changes_protective_order(text: str) -> bool:
    """The text says of an order that protects somebody, and of no other, that it was varied or discharged."""
    return bool(_ABOUT_ONE.search(_ASKED_FOR.sub("", text[:SEARCHED])))


def asks_of_order(text: str) -> AskedFor | None:
    """What an application asks to be done to a protective order, by the words that it is called by."""
    searched = text[:SEARCHED]
    return next((what for what, says in _ASKED if says.search(searched)), None) if _OF_ONE.search(searched) else None


def extends(text: str) -> bool:
    """The text says that an order lasts longer than before."""
    return bool(_EXTENDS.search(_ASKED_FOR.sub("", text[:SEARCHED])))


def names_somebody(text: str) -> bool:
    """The text seems to name whom the order protects. Who it is stays in the text, for a desk to confirm."""
    return any(
        word[0].isupper() and word.lower() not in NOT_A_NAME
        for found in _PROTECTS.finditer(text[:SEARCHED])
        for word in _up_to_a_name(found[1])
    )


def verdict(text: str) -> Verdict | None:
    """An ending that has no result code of its own and that the text names."""
    searched = text[:SEARCHED]
    found = next((of for of, says in _VERDICTS if says.search(searched)), None)
    return None if found is Verdict.UNFIT_DID_ACT and _STILL_TO_BE_FOUND.search(searched) else found


def time_served(text: str) -> bool:
    return bool(_TIME_SERVED.search(text[:SEARCHED]))


def on_acquittal(text: str) -> bool:
    return bool(_ON_ACQUITTAL.search(text[:SEARCHED]))


def on_conviction(text: str) -> bool:
    return bool(_ON_CONVICTION.search(text[:SEARCHED]))


def _up_to_a_name(text: str) -> Iterator[str]:
    """The words up to the first that is none of those that stand before names."""
    for found in _WORD.finditer(text):
        yield found[0]
        if found[0].lower() not in NOT_A_NAME:
            return
