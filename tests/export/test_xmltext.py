"""Text that is edited in place."""

from __future__ import annotations

import pytest

from slotsolver.errors import InputError
from slotsolver.export.xmltext import Element, New, XmlText


def child(text: XmlText, path: str) -> Element:
    """The element at a path; it must be there."""
    found = text.root.find(path)
    assert found is not None
    return found


def test_untouched() -> None:
    """Without an edit the very same text comes back, whatever it holds."""
    xml = (
        "<?xml version='1.0'?>\r\n<!-- é --><a  b = '1'\tc=\"&lt;'\"><![CDATA[<b>]]></a>\r\n<!---->"
    )
    assert XmlText(xml).text() is xml


def test_positions_count_bytes() -> None:
    """Letters beyond ASCII in front of an edit do not shift it."""
    text = XmlText("<a><b>ééé 🙂</b><c x='é'>1</c></a>")
    text.set_value(child(text, "c"), "2")
    text.set_attribute(child(text, "c"), "x", "ü")
    assert text.text() == "<a><b>ééé 🙂</b><c x='ü'>2</c></a>"


def test_attributes_keep_their_quotes() -> None:
    """A value is replaced between its own quotes and escaped for them; a new one follows."""
    text = XmlText("""<a b = "1" c='2'/>""")
    text.set_attribute(text.root, "b", "\"'<")
    text.set_attribute(text.root, "d", "\"'<")
    assert text.text() == """<a b = "&quot;'&lt;" c='2' d='"&apos;&lt;'/>"""


def test_remove_attribute() -> None:
    """An attribute goes with the blank in front of it; one that is not there is no matter."""
    text = XmlText("<a b='1'\n  c='2' />")
    text.remove_attribute(text.root, "c")
    text.remove_attribute(text.root, "d")
    assert text.text() == "<a b='1' />"


def test_insert_takes_the_indentation_of_its_siblings() -> None:
    """Tabs, and CR LF where the document has them."""
    text = XmlText("<a>\r\n\t<b/>\r\n\t<c/>\r\n</a>")
    text.insert(
        text.root, [New("n", {"k": "v"}, [New("m", content="1 < 2")])], after=child(text, "b")
    )
    expected = "<a>\r\n\t<b/>\r\n\t<n k='v'>\r\n\t\t<m>1 &lt; 2</m>\r\n\t</n>\r\n\t<c/>\r\n</a>"
    assert text.text() == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<a>\n  <b/>\n</a>", "<a>\n  <b>\n    <n/>\n  </b>\n</a>"),
        ("<a>\n  <b></b>\n</a>", "<a>\n  <b>\n    <n/>\n  </b>\n</a>"),
        ("<a>\n  <b>\n  </b>\n</a>", "<a>\n  <b>\n    <n/>\n  </b>\n</a>"),
        ("<a>\n  <b><!-- x --></b>\n</a>", "<a>\n  <b><!-- x -->\n    <n/>\n  </b>\n</a>"),
        ("<a><b /></a>", "<a><b ><n/></b></a>"),
    ],
)
def test_insert_into_an_element_without_children(before: str, after: str) -> None:
    """An empty element is opened, a comment in it stays."""
    text = XmlText(before)
    text.insert(child(text, "b"), [New("n")])
    assert text.text() == after


def test_insert_leaves_a_comment_with_its_element() -> None:
    """A comment on the same line belongs to the element before it."""
    text = XmlText("<a>\n  <b/> <!-- about b -->\n  <c/>\n</a>")
    text.insert(text.root, [New("n")], after=child(text, "b"))
    assert text.text() == "<a>\n  <b/> <!-- about b -->\n  <n/>\n  <c/>\n</a>"


def test_remove_takes_the_line_along() -> None:
    """An element that stands alone on its line takes the line along, else only itself."""
    text = XmlText("<a>\n  <b>\n  </b>\n  <c/><d/>\n</a>")
    text.remove(child(text, "b"))
    text.remove(child(text, "d"))
    assert text.text() == "<a>\n  <c/>\n</a>"


def test_replace_at_the_end() -> None:
    """Removing an element and adding one behind it at once is a replacement."""
    text = XmlText("<a>\n  <b/>\n</a>")
    text.insert(text.root, [New("n")], after=child(text, "b"))
    text.remove(child(text, "b"))
    assert text.text() == "<a>\n  <n/>\n</a>"


def test_namespaces() -> None:
    """An element's namespace is that of its prefix where it stands."""
    text = XmlText("<a xmlns:p='one'><p:b/><p:b xmlns:p='two'/><c xmlns='three'/></a>")
    found = [(e.namespace, e.local_name) for e in text.root.children]
    assert found == [("one", "b"), ("two", "b"), ("three", "c")]


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("", "no element found"),
        ("<a>", "line 1: not well-formed XML, no element found"),
        ("<a>\n</b>", "line 2: not well-formed XML, mismatched tag"),
        ("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "document type is not accepted"),
    ],
)
def test_bad_text(xml: str, message: str) -> None:
    """What is not XML, or declares entities, is one clear error."""
    with pytest.raises(InputError, match=message):
        XmlText(xml, source="guest a")
