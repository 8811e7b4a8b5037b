"""Paths as Kestrel decodes them."""

import pytest

from ondemand.host.paths import BadPath, decoded, encoded


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ("/predict", "/predict"),
        ("/a%20b", "/a b"),
        ("/a%2Fb%2fc", "/a%2Fb%2fc"),
        ("/%C3%A9%20%F0%9F%8D%B7", "/é 🍷"),
        ("/%C3%2F", "/%C3%2F"),
        ("/%ff", "/%ff"),
        ("/%2541", "/%41"),
        ("/100%", "/100%"),
        ("/a/./b/../c", "/a/c"),
        ("/a/%2E%2e/b", "/b"),
        ("/../../a", "/a"),
        ("/a/b/..", "/a/"),
        ("/..", "/"),
        ("/.well-known//x", "/.well-known//x"),
    ],
)
def test_decoded(sent: str, path: str) -> None:
    assert decoded(sent) == path


def test_nul_is_no_part_of_a_path() -> None:
    with pytest.raises(BadPath):
        decoded("/a%00")


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/predict/0a-b_c.d~e", "/predict/0a-b_c.d~e"),
        ("/a b", "/a%20b"),
        ("/a%2Fb", "/a%2Fb"),
        ("/é", "/%C3%A9"),
        ("/100%", "/100%25"),
        ("/a:b@c,d;e=f+g!$&'()*", "/a:b@c,d;e=f+g!$&'()*"),
        ('/"<>?#[]^`{|}\\', "/%22%3C%3E%3F%23%5B%5D%5E%60%7B%7C%7D%5C"),
    ],
)
def test_encoded_again(path: str, url: str) -> None:
    assert encoded(path) == url
