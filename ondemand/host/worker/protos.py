"""The messages between host and worker, by the names of azure-functions-language-worker-protobuf.

``azure-functions-runtime`` takes the classes of these messages from its caller. Here they are plain ones: no gRPC, no
protobuf. Only what that library and this host use is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import ClassVar


class TypedData:
    """One value and its kind, or neither."""

    __slots__ = ("kind", "value")
    kind: str | None
    value: object

    def __init__(self, **content: object) -> None:
        self.kind, self.value = next(iter(content.items()), (None, None))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedData) and (self.kind, self.value) == (other.kind, other.value)

    __hash__ = None  # type: ignore[assignment]  # its value may be a list

    def __repr__(self) -> str:
        return f"TypedData({self.kind}={self.value!r})"

    def WhichOneof(self, _: str) -> str | None:
        return self.kind

    string = bytes = json = int = double = http = property(attrgetter("value"))


@dataclass
class NullableString:
    value: str


@dataclass
class NullableBool:
    value: bool


@dataclass
class NullableDouble:
    value: float


@dataclass
class Timestamp:
    seconds: int


@dataclass
class NullableTimestamp:
    value: Timestamp


@dataclass
class RpcHttpCookie:
    """A cookie of an answer; what is None is not set."""

    class SameSite:
        Lax, Strict, ExplicitNone = 1, 2, 3

    name: str
    value: str
    domain: NullableString | None = None
    path: NullableString | None = None
    expires: NullableTimestamp | None = None
    secure: NullableBool | None = None
    http_only: NullableBool | None = None
    same_site: int = 0
    max_age: NullableDouble | None = None


setattr(RpcHttpCookie.SameSite, "None", 0)  # not spelt as an attribute in Python


@dataclass
class RpcHttp:
    """A request or an answer."""

    method: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: TypedData = field(default_factory=TypedData)
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    status_code: str = ""
    enable_content_negotiation: bool = False
    cookies: Sequence[RpcHttpCookie] | None = None


@dataclass
class ParameterBinding:
    """The argument of a trigger, or what a function gives through an output binding."""

    name: str
    data: TypedData

    def WhichOneof(self, _: str) -> str:
        return "data"


@dataclass
class RpcTraceContext:
    """W3C trace context of the trigger; empty strings where it had none."""

    trace_parent: str = ""
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class RpcException:
    """What was raised, as text."""

    message: str = ""
    stack_trace: str = ""
    source: str = ""


@dataclass
class RetryContext:
    """Of the first try: this host has no retry policies."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: RpcException = field(default_factory=RpcException)


@dataclass
class InvocationRequest:
    invocation_id: str
    function_id: str
    input_data: Sequence[ParameterBinding]
    trigger_metadata: Mapping[str, TypedData] = field(default_factory=dict)
    trace_context: RpcTraceContext = field(default_factory=RpcTraceContext)
    retry_context: RetryContext = field(default_factory=RetryContext)


@dataclass
class StatusResult:
    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1

    status: int
    exception: RpcException = field(default_factory=RpcException)


@dataclass
class InvocationResponse:
    invocation_id: str
    result: StatusResult
    return_value: TypedData | None = None
    output_data: Sequence[ParameterBinding] = ()


@dataclass
class BindingInfo:
    """`in`, its default direction, is a keyword in Python."""

    undefined: ClassVar[int] = 0
    out: ClassVar[int] = 1
    inout: ClassVar[int] = 2

    type: str
    direction: int = 0
    data_type: int | None = 0


@dataclass
class RpcFunctionMetadata:
    """A function of the app; *raw_bindings* are JSON, as the decorators of ``azure.functions`` write them."""

    name: str
    function_id: str
    raw_bindings: Sequence[str]
    directory: str = ""
    script_file: str = ""
    entry_point: str = ""
    language: str = ""
    managed_dependency_enabled: bool = False
    is_proxy: bool = False
    bindings: Mapping[str, BindingInfo] = field(default_factory=dict)
    retry_options: object = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass
class RpcRetryOptions:
    max_retry_count: int
    retry_strategy: str
    delay_interval: object = None
    minimum_interval: object = None
    maximum_interval: object = None


@dataclass
class WorkerMetadata:
    runtime_name: str
    runtime_version: str
    worker_version: str
    worker_bitness: str
    custom_properties: Mapping[str, str]


@dataclass
class WorkerInitRequest:
    function_app_directory: str
    capabilities: Mapping[str, str] = field(default_factory=dict)


@dataclass
class WorkerInitResponse:
    result: StatusResult
    worker_metadata: WorkerMetadata
    capabilities: Mapping[str, str]


@dataclass
class FunctionMetadataResponse:
    """*function_metadata_results* is None where there is no script file."""

    result: StatusResult
    function_metadata_results: Sequence[RpcFunctionMetadata] | None
    use_default_metadata_indexing: bool = False


@dataclass
class FunctionLoadRequest:
    function_id: str
    metadata: RpcFunctionMetadata


@dataclass
class FunctionLoadResponse:
    function_id: str
    result: StatusResult


@dataclass
class StreamingMessage:
    """One of these."""

    worker_init_request: WorkerInitRequest | None = None
    function_load_request: FunctionLoadRequest | None = None
    invocation_request: InvocationRequest | None = None
