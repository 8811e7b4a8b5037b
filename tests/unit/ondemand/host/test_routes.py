"""Route templates and the order in which they are tried."""

import pytest

from ondemand.host.errors import HostError
from ondemand.host.routes import RouteTable, RouteTemplate


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("predict", "/predict", {}),
        ("predict", "/Predict/", {}),
        ("predict", "/predict/1", None),
        ("predict/{runId}", "/predict/ab", {"runId": "ab"}),
        ("predict", "//predict", None),
        ("predict/{runId}", "/predict/a%2Fb c", {"runId": "a%2Fb c"}),
        ("predict/{runId}", "/predict/a\nb", {"runId": "a\nb"}),
        ("predict/{runId}", "/predict//ab", None),
        ("predict/{runId}", "/predict", None),
        ("items/{id:int}", "/items/12", {"id": "12"}),
        ("items/{id:int}", "/items/x", None),
        (
            "items/{id:guid}",
            "/items/6f9619ff-8b86-d011-b42d-00c04fc964ff",
            {"id": "6f9619ff-8b86-d011-b42d-00c04fc964ff"},
        ),
        ("list/{page:int?}", "/list", {}),
        ("list/{page:int?}", "/list/2", {"page": "2"}),
        ("files/{*path}", "/files/a/b", {"path": "a/b"}),
        ("files/{*path}", "/files/a/", {"path": "a/"}),
        ("files/{*path}", "/files/", {}),
        ("files/{*path}", "/files", {}),
        ("health/live", "/health/live", {}),
        ("openapi.json", "/openapiXjson", None),
        ("", "/", {}),
    ],
)
def test_match(template: str, path: str, parameters: dict[str, str] | None) -> None:
    assert RouteTemplate.parse(template).match(path) == parameters


@pytest.mark.parametrize("template", ["a{b}", "{a:regex(^x$)}", "{a}.{b}"])
def test_an_unsupported_template_is_refused(template: str) -> None:
    with pytest.raises(HostError, match="route"):
        RouteTemplate.parse(template)


def table(*routes: tuple[str, tuple[str, ...]]) -> RouteTable[str]:
    return RouteTable((RouteTemplate.parse(template), methods, template) for template, methods in routes)


def test_a_literal_wins_over_a_parameter_whatever_the_order() -> None:
    routes = table(("{*rest}", ()), ("models/{type}", ()), ("models/latest", ()), ("models/{id:int}", ()))
    assert routes.find("GET", "/models/latest") == ("models/latest", {})
    assert routes.find("GET", "/models/7") == ("models/{id:int}", {"id": "7"})
    assert routes.find("GET", "/models/wine") == ("models/{type}", {"type": "wine"})
    assert routes.find("GET", "/other/path") == ("{*rest}", {"rest": "other/path"})


def test_methods_decide_between_routes_of_the_same_path() -> None:
    routes = table(("predict/{runId}", ("GET",)), ("predict/{id}", ("DELETE",)))
    assert routes.find("DELETE", "/predict/1") == ("predict/{id}", {"id": "1"})
    assert routes.find("POST", "/predict/1") is None
