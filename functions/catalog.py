"""The catalog `models.yaml`: which model types exist and how each is trained, found and run."""

import sys
from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from cachetools import LRUCache
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from functions.errors import CatalogError, InvalidRequest, UnknownModelType
from functions.flavors import LOADER_MODULES
from functions.parameters import ParameterSpec, ParameterValue, canonical_parameters, did_you_mean, training_key
from functions.queues import pool_queue
from functions.settings import catalog_path

MAX_CHECKED = 1000
RESERVED_PARAMETERS = frozenset({"experiment", "artifact_name"})
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExistingCluster(_Entry):
    """An all-purpose cluster; Databricks starts it when it is terminated."""

    existing_cluster_id: str


class NewCluster(_Entry):
    """A job cluster made for each training: the ``new_cluster`` object of the Jobs API."""

    new_cluster: dict[str, Any]


class Serverless(_Entry):
    """Serverless compute; ``dependencies`` are pip requirements of the environment."""

    serverless: Literal[True]
    dependencies: tuple[str, ...] = ()


class Example(_Entry):
    """A request for a type, as ``/openapi.json`` shows it."""

    model_parameters: Annotated[dict[str, Any], Field(alias="modelParameters")] = {}
    prediction_parameters: Annotated[
        dict[str, Any] | Annotated[list[dict[str, Any]], Field(min_length=1)],
        Field(alias="predictionParameters", min_length=1),
    ]


class Trainings(_Entry):
    """How many trainings of a type may be started. By default a team can search a grid, and no loop runs up a bill."""

    per_hour: Annotated[int, Field(ge=1)] = 60
    """Of one caller."""
    per_day: Annotated[int, Field(ge=1)] = 300
    """Of one caller, in any 24 hours."""
    at_once: Annotated[int, Field(ge=1)] = 20
    """Of all callers."""


class ModelType(_Entry):
    """One entry of the catalog."""

    experiment: str
    notebook: str
    artifact_name: str = "model"
    parameters: dict[ParameterName, ParameterSpec]
    cluster: ExistingCluster | NewCluster | Serverless
    training_timeout_s: Annotated[int, Field(ge=60, le=86_400)] = 3600
    trainings: Trainings = Trainings()
    pool: Name | None = None
    flavors: tuple[str, ...] = ("sklearn",)
    merge: Literal["auto", "never"] = "auto"
    """Whether concurrent requests may share one call of a model that is proven row-wise."""
    unknown_columns: Literal["name", "refuse"] = "name"
    """What happens to columns that the model does not know: they are left out and named in the answer, or refused."""
    expose_errors: bool = False
    """Whether clients read the text of a model's exception, or its type alone."""
    description: str = ""
    example: Example | None = None

    @model_validator(mode="after")
    def _valid_example(self) -> Self:
        """The example's parameters must be valid for this type."""
        _, errors = canonical_parameters(self.parameters, self.example.model_parameters if self.example else {})
        if self.example and errors:
            raise ValueError("; ".join(f"example.{error.field} {error.message}" for error in errors))
        return self

    @model_validator(mode="after")
    def _no_reserved_parameter(self) -> Self:
        if reserved := RESERVED_PARAMETERS & self.parameters.keys():
            raise ValueError(
                f"parameters may not be named {', '.join(sorted(reserved))}: the notebook has such widgets"
            )
        return self

    @field_validator("flavors")
    @classmethod
    def _known_flavors(cls, flavors: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [flavor for flavor in flavors if flavor not in LOADER_MODULES]:
            raise ValueError(f"no flavour {unknown[0]!r}; known are {', '.join(sorted(LOADER_MODULES))}")
        if not flavors:
            raise ValueError("name at least one flavour")
        return flavors

    @property
    def queue(self) -> str:
        """The queue of the runner pool that serves this type."""
        return pool_queue(self.pool)


class Catalog(_Entry):
    """All model types by their name, which is lower case; look-ups are case-insensitive."""

    models: Annotated[dict[Name, ModelType], Field(min_length=1)]
    _checked: LRUCache[Hashable, ModelType] = PrivateAttr(default_factory=lambda: LRUCache(MAX_CHECKED))
    """The entries of commands that `check` found right: most ask for a model that others asked for."""

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        """A model is known by its experiment and name: two entries that agree in both would answer for each other."""
        places: dict[tuple[str, str], str] = {}
        for name, entry in self.models.items():
            other = places.setdefault((entry.experiment.strip().rstrip("/"), entry.artifact_name), name)
            if other != name:
                raise ValueError(
                    f"{other} and {name} have the same experiment {entry.experiment!r} and artifact_name "
                    f"{entry.artifact_name!r}: give each its own experiment or artifact_name"
                )
        return self

    def find(self, model_type: str) -> tuple[str, ModelType]:
        """The entry's own name and the entry. Raises UnknownModelType naming the known ones."""
        name = model_type.strip().lower()
        if name not in self.models:
            known = ", ".join(sorted(self.models))
            raise UnknownModelType(f"There is no model type {model_type[:100]!r}; the known ones are: {known}.")
        return name, self.models[name]

    def check(self, model_type: str, parameters: Mapping[str, ParameterValue], key: str) -> ModelType:
        """The entry of a command that came by a queue: others than `predict` may be able to write to it.

        Raises UnknownModelType, or InvalidRequest where `predict` would not have sent it like that.
        """
        spelt = model_type, key, tuple((each, type(value), value) for each, value in parameters.items())
        if spelt not in self._checked:
            self._checked[spelt] = self._check(model_type, parameters, key)
        return self._checked[spelt]

    def _check(self, model_type: str, parameters: Mapping[str, ParameterValue], key: str) -> ModelType:
        name, entry = self.find(model_type)
        canonical, errors = canonical_parameters(entry.parameters, parameters)
        if errors:
            raise InvalidRequest("The catalog does not allow these parameters; see errors.", errors)
        if name != model_type or not _same(canonical, parameters):
            raise InvalidRequest("The command's model type and parameters are not in their canonical form.")
        if training_key(name, canonical) != key:
            raise InvalidRequest("The command's key is not the key of its model type and parameters.")
        return entry

    @property
    def run_model_queues(self) -> tuple[str, ...]:
        """The queues of all runner pools; the default one always exists."""
        return tuple(sorted({pool_queue(None), *(entry.queue for entry in self.models.values())}))


def _same(canonical: Mapping[str, ParameterValue], given: Mapping[str, ParameterValue]) -> bool:
    """Whether they are equal in type too: True is no 1 here."""
    return canonical == given and all(type(value) is type(given[name]) for name, value in canonical.items())


class _NoDuplicateKeys(yaml.SafeLoader):
    """PyYAML silently keeps the last of two equal keys; a catalog with two entries of one name is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key!r}", node.start_mark)
        return super().construct_mapping(node, deep)


@cache
def catalog() -> Catalog:
    """The catalog of this process, from ``CATALOG_FILE``. Raises CatalogError."""
    return load_catalog(catalog_path())


def load_catalog(path: Path) -> Catalog:
    """Read and validate the catalog. Raises CatalogError naming file, key and reason of every mistake."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _NoDuplicateKeys)  # noqa: S506  # a SafeLoader
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read: {error.strerror}; set CATALOG_FILE to your models.yaml") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path}: is not valid YAML: {error}") from error
    try:
        return Catalog.model_validate(document)
    except ValidationError as error:
        raise CatalogError("\n".join(f"{path}: {_sentence(mistake)}" for mistake in error.errors())) from error


def _sentence(mistake: ErrorDetails) -> str:
    key = ".".join(map(str, mistake["loc"])) or "(top level)"
    if mistake["type"] == "extra_forbidden":
        known = {name for kind in (Catalog, ModelType, ParameterSpec, Trainings, Example) for name in kind.model_fields}
        return f"{key}: unknown key{did_you_mean(str(mistake['loc'][-1]), known)}"
    return f"{key}: {mistake['msg'].removeprefix('Value error, ')}"


def main() -> None:
    """``python -m functions.catalog``: exit with 1 and say why if the catalog of this environment has a mistake."""
    try:
        load_catalog(catalog_path())
    except CatalogError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
