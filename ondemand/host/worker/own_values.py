"""Between the messages of the worker and the values of ``azure.functions``, where the host's own code invokes."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from http.cookies import Morsel, SimpleCookie

from azure.functions.meta import Datum, InConverter, OutConverter, get_binding_registry

from ondemand.host.worker.protos import (
    NullableBool,
    NullableDouble,
    NullableString,
    NullableTimestamp,
    RpcHttp,
    RpcHttpCookie,
    Timestamp,
    TypedData,
)


def decode(binding: str, data: TypedData, metadata: Mapping[str, TypedData]) -> object:
    """The argument of a function; raises TypeError for data that the binding does not take."""
    converter: type[InConverter] = get_binding_registry().get(binding)
    given = {name: _datum(each) for name, each in metadata.items()}
    try:
        return converter.decode(_datum(data), trigger_metadata=given)  # type: ignore[arg-type]  # None for no value
    except NotImplementedError:
        raise TypeError(f"{binding} does not take {data.kind}") from None


def encode(binding: str, result: object) -> TypedData:
    """What a function returned; raises TypeError for what the binding does not take."""
    converter: type[OutConverter] = get_binding_registry().get(binding)
    try:
        datum: Datum = converter.encode(result, expected_type=None)  # type: ignore[assignment]  # None for Durable alone
    except NotImplementedError:
        raise TypeError(f'unsupported type "{binding}" for Python type "{type(result).__name__}"') from None
    return _typed(datum)


def _datum(data: TypedData) -> Datum | None:
    if data.kind is None:
        return None
    return Datum(_http_values(data.http) if data.kind == "http" else data.value, data.kind)


def _http_values(http: RpcHttp) -> dict[str, object]:
    return {
        "method": Datum(http.method, "string"),
        "url": Datum(http.url, "string"),
        "headers": _strings(http.headers),
        "params": _strings(http.params),
        "query": _strings(http.query),
        "body": _datum(http.body) or Datum(b"", "bytes"),
    }


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _typed(datum: Datum) -> TypedData:
    if datum.type != "http":
        return TypedData(**{str(datum.type): datum.value})
    http = datum.value
    cookies: Sequence[SimpleCookie] | None = http["cookies"]
    return TypedData(
        http=RpcHttp(
            status_code=http["status_code"].value,
            headers={name: header.value for name, header in http["headers"].items()},
            body=_typed(http["body"]),
            cookies=None if cookies is None else list(_cookies(cookies)),
        )
    )


def _cookies(cookies: Sequence[SimpleCookie]) -> Iterator[RpcHttpCookie]:
    for cookie in cookies:
        for name, morsel in cookie.items():
            yield RpcHttpCookie(
                name,
                morsel.value,
                domain=NullableString(morsel["domain"]),
                path=NullableString(morsel["path"]),
                expires=_expires(morsel),
                secure=NullableBool(bool(morsel["secure"])),
                http_only=NullableBool(bool(morsel["httponly"])),
                same_site=_SAME_SITE.get(morsel["samesite"].lower(), 0),
                max_age=NullableDouble(float(morsel["max-age"])) if morsel["max-age"] else None,
            )


_SAME_SITE = {"lax": RpcHttpCookie.SameSite.Lax, "strict": RpcHttpCookie.SameSite.Strict,
              "none": RpcHttpCookie.SameSite.ExplicitNone}  # fmt: skip


def _expires(morsel: Morsel[str]) -> NullableTimestamp | None:
    if not morsel["expires"]:
        return None
    time = datetime.strptime(morsel["expires"], "%a, %d %b %Y %H:%M:%S GMT")
    return NullableTimestamp(Timestamp(int(time.timestamp())))
