"""Escaping: text is text, whoever wrote it."""

from __future__ import annotations

import lxml.html
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.export.markup import Html, element, escaped, join


def test_text_is_escaped_and_html_is_not() -> None:
    """By type, in children and attributes."""
    inner = element("b", "a<b")
    assert inner == "<b>a&lt;b</b>"
    assert element("p", inner, " & ", 7, None, ["x", [inner]]) == (
        "<p><b>a&lt;b</b> &amp; 7x<b>a&lt;b</b></p>"
    )
    assert element(
        "g", title="\"'<&", data_slot=3, class_="c", open=True, hidden=False, id=None
    ) == ('<g title="&quot;&#x27;&lt;&amp;" data-slot="3" class="c" open></g>')
    assert element("br") == "<br>"
    assert isinstance(join("<"), Html)
    assert join(join("<")) == "&lt;"


def test_what_html_cannot_hold() -> None:
    """Control characters and halves of characters are replaced, so that the page can be written; so
    is what turns text around."""
    assert escaped("a\u202eb\u2069c\u0645") == "a\ufffdb\ufffdc\u0645"
    assert escaped("a\x00b\x1bc\ud800d\x85") == "a\ufffdb\ufffdc\ufffdd\ufffd"
    assert escaped("tab\tline\n") == "tab\tline\n"


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    """A browser reads what was written, as text and as an attribute."""
    made = element("p", text, title=text)
    made.encode()
    read = lxml.html.fragment_fromstring(made)
    shown = str(escaped(text)).replace("\r\n", "\n").replace("\r", "\n")
    assert len(read) == 0
    wanted = lxml.html.fragment_fromstring(f"<p>{shown}</p>").text
    assert read.text == wanted
    assert set(read.attrib) == {"title"}
