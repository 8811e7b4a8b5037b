"""``%pip``: checks whether the packages of a notebook are installed. It never installs any."""

import shlex
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

_HARMLESS = {"-q", "--quiet", "-U", "--upgrade"}


class RequirementNotMet(Exception):
    """A package that the notebook installs on Databricks is missing here, or has another version."""


def check_pip(command: str) -> None:
    """Check the arguments of ``%pip install``; raises ``RequirementNotMet`` naming every requirement that fails."""
    action, *arguments = shlex.split(command, comments=True) or [""]
    if action != "install":
        raise RequirementNotMet(f"%pip {action}: only %pip install is supported locally")
    problems = [problem for argument in arguments if argument not in _HARMLESS and (problem := _problem(argument))]
    if problems:
        raise RequirementNotMet(
            f"%pip {command}: {'; '.join(problems)}. Nothing is installed here: install it beside the local stack"
        )


def _problem(argument: str) -> str | None:
    try:
        requirement = Requirement(argument)
    except InvalidRequirement:
        return f"{argument!r} is not supported locally"
    if requirement.marker and not requirement.marker.evaluate():
        return None
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} is installed as {version}, not {requirement.specifier}"
