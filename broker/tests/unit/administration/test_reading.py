"""Descriptions of queues in Atom entries, as different clients write them."""

import pytest

from servicebus_broker.administration.errors import BadRequestError
from servicebus_broker.administration.reading import read_description

DESCRIPTION = (
    '<QueueDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">'
    "<LockDuration>PT1M</LockDuration></QueueDescription>"
)
CONTENT = f'<content type="application/xml">{DESCRIPTION}</content>'


def entry(children: str) -> bytes:
    return f'<entry xmlns="http://www.w3.org/2005/Atom">{children}</entry>'.encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("<updated>2026-11-28T00:00:00.000Z</updated><title/><author><name>x</name></author>", ""),
        ('<id>x</id><link rel="self"/>', "<author><name><b>deep</b></name></author>"),
        (f"<title>{DESCRIPTION}</title>", "<category xmlns='urn:other'><content><x/></content></category>"),
    ],
)
def test_other_children_of_an_entry_are_ignored(before: str, after: str) -> None:
    description = read_description(entry(before + CONTENT + after))
    assert description.kind == "QueueDescription"
    assert description.properties == {"LockDuration": "PT1M"}
    assert not description.nested


@pytest.mark.parametrize(
    "body",
    [
        entry(""),
        entry("<title>x</title>"),
        entry(CONTENT + CONTENT),
        entry(f"<content>{DESCRIPTION}{DESCRIPTION}</content>"),
        entry("<content><QueueDescription/></content>"),
        entry(f"<a>{CONTENT}</a>"),
        b"<entry>" + CONTENT.encode() + b"</entry>",
        b'<feed xmlns="http://www.w3.org/2005/Atom">' + entry(CONTENT) + b"</feed>",
    ],
)
def test_a_body_without_exactly_one_description_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        read_description(body)
