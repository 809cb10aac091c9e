"""XML from outside, read without trusting it: no entities, bounded in size and depth, names without namespaces."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError
from xml.parsers.expat.errors import XML_ERROR_NO_ELEMENTS as NO_ELEMENTS
from xml.parsers.expat.errors import XML_ERROR_PARTIAL_CHAR as PARTIAL_CHAR
from xml.parsers.expat.errors import XML_ERROR_UNCLOSED_CDATA_SECTION as UNCLOSED_CDATA
from xml.parsers.expat.errors import XML_ERROR_UNCLOSED_TOKEN as UNCLOSED_TOKEN
from xml.parsers.expat.errors import codes as XML_ERRORS  # noqa: N812 - a table, named like one

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from schemas.refusals import Refusal, RefusalReason
from services.intake.characters import decoded, mended

MAX_BYTES = 5_000_000
MAX_DEPTH = 100
STOPS_EARLY = frozenset({XML_ERRORS[said] for said in (NO_ELEMENTS, UNCLOSED_TOKEN, PARTIAL_CHAR, UNCLOSED_CDATA)})


def parsed(message: bytes) -> Element | Refusal:
    """The root element, or why there is none, and at which line and column.

    White space before the XML declaration, which the standard forbids and mail gateways add, is forgiven.
    """
    if len(message) > MAX_BYTES:
        detail = f"the message has {len(message)} bytes, at most {MAX_BYTES} are read"
        return Refusal(RefusalReason.TOO_LARGE, "decode", detail)
    written = decoded(message)
    return written if isinstance(written, Refusal) else parsed_text(written)


def parsed_text(written: str) -> Element | Refusal:
    """As `parsed`, of a message that is text already; the encoding that it declares counts no more."""
    said = mended(written)
    if isinstance(said, Refusal):
        return said
    parser = DefusedXMLParser(encoding="utf-8", forbid_dtd=True)
    try:
        parser.feed(said.text.encode(errors="surrogatepass"))
        root: Element = parser.close()
    except DefusedXmlException:
        return Refusal(RefusalReason.XML_ENTITIES, "decode", "the message: XML without a DOCTYPE is expected")
    except ParseError as error:
        where = said.place(*error.position)
        return Refusal(_why(error.code), "decode", f"the message, {where}: well-formed XML is expected")
    if _deeper_than(root, MAX_DEPTH):
        detail = f"the message: elements at most {MAX_DEPTH} deep are expected"
        return Refusal(RefusalReason.TOO_DEEP, "decode", detail)
    return root


def name(element: Element) -> str:
    """The local name, whatever the namespace, its version and its prefix."""
    return element.tag.rpartition("}")[2]


def text(element: Element) -> str:
    """All text inside, with white space at its ends removed."""
    return "".join(element.itertext()).strip()


def inside(element: Element, stop: frozenset[str]) -> Iterator[Element]:
    """The descendants in document order, none of the elements named in `stop` nor what is inside those."""
    for child in element:
        if name(child) not in stop:
            yield child
            yield from inside(child, stop)


def named(element: Element, wanted: str) -> Iterator[Element]:
    """The element itself and its descendants with this local name, in document order."""
    return (each for each in element.iter() if name(each) == wanted)


def outermost(element: Element, wanted: str) -> Iterator[Element]:
    """The elements with this local name that stand in no other of them, in document order."""
    if name(element) == wanted:
        yield element
        return
    for child in element:
        yield from outermost(child, wanted)


def _why(code: int) -> RefusalReason:
    return RefusalReason.INCOMPLETE if code in STOPS_EARLY else RefusalReason.NOT_XML


def _deeper_than(root: Element, depth: int) -> bool:
    """Walked level by level: recursion is what a deep message would break."""
    level = [root]
    for _ in range(depth):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True
