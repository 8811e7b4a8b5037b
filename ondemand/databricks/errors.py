"""Errors of the REST API: ``{"error_code", "message"}`` with a status."""


class ApiError(Exception):
    """A refusal, as the REST API words it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid_parameter(message: str) -> ApiError:
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def run_does_not_exist(run_id: int) -> ApiError:
    """As Databricks words it: the SDK makes ``ResourceDoesNotExist`` of this very text."""
    return invalid_parameter(f"Run {run_id} does not exist.")
