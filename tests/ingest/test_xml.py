"""XML of strangers."""

from __future__ import annotations

import pytest

from slotsolver.errors import InputError
from slotsolver.ingest.xml import parse_xml

LAUGHS = (
    b"<?xml version='1.0'?>\n<!-- <!ELEMENT --><!DOCTYPE lolz [<!ENTITY lol 'lol'>"
    + b"".join(
        b"<!ENTITY lol%d '%s'>" % (i, b"&lol%d;" % (i - 1) * 10 if i > 1 else b"&lol;" * 10)
        for i in range(1, 10)
    )
    + b"]><domain a='&lol9;'>&lol9;</domain>"
)
EXTERNAL = b"<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain>&x;</domain>"


@pytest.mark.parametrize(
    ("data", "place", "rule"),
    [
        (LAUGHS, "line 2", "has a DOCTYPE; entities are never defined, expanded or fetched"),
        (EXTERNAL, "line 1", "has a DOCTYPE"),
        (b"<domain>\n&undefined;</domain>", "line 2", "not well-formed"),
        (b"<domain>\n<a></domain>", "line 2", "not well-formed"),
        (b"<domain/><domain/>", "line 1", "not well-formed"),
        (b"just text", "line 1", "not well-formed"),
        (b"\n<network/>", "line 2", "the root element is <network>, <domain> is needed"),
        (b"<domain>\xff\xfe</domain>", "line 1", "is not UTF-8"),
        ("<domain/>".encode("utf-16"), "line 1", "is not UTF-8"),
        (b"<domain>\0</domain>", "", "is binary"),
        (b"<a>" * 100_000, "line 1", "not well-formed"),
    ],
)
def test_bad_xml_is_refused_and_named(data: bytes, place: str, rule: str) -> None:
    """Entities are never expanded, and every fault is one line with source, place and rule."""
    with pytest.raises(InputError) as caught:
        parse_xml(data, source="g.xml", root="domain")
    assert (caught.value.source, caught.value.place) == ("g.xml", place)
    assert rule in caught.value.message
    assert "root:" not in str(caught.value)


def test_a_declared_encoding_cannot_hide_a_doctype() -> None:
    """The bytes are UTF-8, whatever the declaration says, so nothing decodes to a DOCTYPE later."""
    hidden = b"<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE d+AD4-<domain/>"
    with pytest.raises(InputError, match="not well-formed"):
        parse_xml(hidden, source="g.xml")


def test_a_doctype_in_text_is_only_text() -> None:
    """What merely looks like a DOCTYPE, in a comment or CDATA, does no harm."""
    data = b"\xef\xbb\xbf<!-- <!DOCTYPE x> -->\n<domain><![CDATA[<!DOCTYPE y>]]></domain>"
    assert parse_xml(data, source="g.xml", root="domain").text == "<!DOCTYPE y>"
