"""Errors of the administration API, as documents of the service."""

from servicebus_broker.administration.atom import element, leaf


class AdministrationError(Exception):
    """A refusal: an HTTP status and a text for people."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail

    def document(self) -> str:
        """The ``Error`` document; its detail begins with the code that some clients look for."""
        detail = leaf("Detail", f"SubCode={self.status}00. {self.detail}")
        return element("Error", leaf("Code", str(self.status)) + detail)


class BadRequestError(AdministrationError):
    """The request is malformed, or asks for a feature that this broker does not have."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, f"Bad Request. {detail}")
