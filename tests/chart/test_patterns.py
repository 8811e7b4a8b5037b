"""The patterns of helm/values.schema.json, against what the standard library takes."""

import ipaddress
import json
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.chart.charts import ROOT

SCHEMA = json.loads((ROOT / "helm/values.schema.json").read_text(encoding="utf-8"))
# ECMA and Go name a group (?<name>…), Python (?P<name>…).
CIDR = re.compile(SCHEMA["definitions"]["cidr"]["pattern"].replace("(?<", "(?P<"))


def is_cidr(text: str) -> bool:
    return CIDR.search(text) is not None


@given(st.ip_addresses(), st.data())
def test_every_network_is_a_cidr(address: ipaddress.IPv4Address | ipaddress.IPv6Address, data: st.DataObject) -> None:
    assume("." not in address.exploded or address.version == 4)  # Python 3.13 writes some of IPv6 as IPv4
    prefix = data.draw(st.integers(0, address.max_prefixlen))
    assert is_cidr(f"{address.exploded}/{prefix}")
    assert not is_cidr(f"{address}/{address.max_prefixlen + 1 + prefix}")
    assert not is_cidr(str(address))


@given(st.from_regex(r"[0-9.]{1,15}/[0-9]{1,3}", fullmatch=True))
def test_what_is_no_network_is_no_cidr(text: str) -> None:
    """Of IPv4: a pattern for IPv6 that is as exact would be too long to read in a message."""
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        assert not is_cidr(text)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "fd00::/8", "2001:db8:1::/48", "169.254.169.254/32"])
def test_usual_ones_are_cidrs(text: str) -> None:
    assert is_cidr(text)


@pytest.mark.parametrize("text", ["", "/8", "10.0.0.0/", "010.0.0.0/8", "10.0.0/8", "::/129", "any", " 10.0.0.0/8"])
def test_usual_mistakes_are_none(text: str) -> None:
    assert not is_cidr(text)
