"""What the API server refuses, in its own words: each error is a `Status` object."""

from __future__ import annotations

import json
from typing import Any

from tests.simulators.kubernetes.resources import Resource


class ApiError(Exception):
    """A request that is answered with a `Status` of failure."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = headers or {}

    def status(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body["message"] = self.message
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        return {**body, "code": self.code}


class Problem:
    """One thing that is wrong with a field of an object."""

    def __init__(self, field: str, kind: str, text: str) -> None:
        self.field = field
        self.reason = f"FieldValue{kind}"
        self.text = text

    @classmethod
    def invalid(cls, field: str, value: Any, why: str) -> Problem:
        """A value that is not allowed."""
        return cls(field, "Invalid", f"Invalid value: {shown(value)}: {why}")

    @classmethod
    def required(cls, field: str, why: str = "") -> Problem:
        """A value that is missing."""
        return cls(field, "Required", f"Required value{': ' + why if why else ''}")

    @classmethod
    def forbidden(cls, field: str, why: str) -> Problem:
        """A value that may not be there, or may not be changed."""
        return cls(field, "Forbidden", f"Forbidden: {why}")

    @classmethod
    def duplicate(cls, field: str, value: Any) -> Problem:
        """A value that is there already."""
        return cls(field, "Duplicate", f"Duplicate value: {shown(value)}")

    @classmethod
    def unsupported(cls, field: str, value: Any, allowed: tuple[str, ...]) -> Problem:
        """A value that is none of those that exist."""
        names = ", ".join(f'"{one}"' for one in sorted(allowed))
        return cls(field, "NotSupported", f"Unsupported value: {shown(value)}: supported values: {names}")


def shown(value: Any) -> str:
    """A value as messages quote it."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _details(resource: Resource, name: str, **more: Any) -> dict[str, Any]:
    known = {"name": name, "group": resource.group, "kind": resource.plural, **more}
    return {key: value for key, value in known.items() if value not in ("", None)}


def not_found(resource: Resource, name: str) -> ApiError:
    """There is no such object."""
    return ApiError(404, "NotFound", f'{resource.full} "{name}" not found', details=_details(resource, name))


def no_such_path() -> ApiError:
    """There is no such resource, group or version."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(resource: Resource, name: str) -> ApiError:
    """There is one of this name."""
    message = f'{resource.full} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details=_details(resource, name))


def conflict(resource: Resource, name: str, why: str = "") -> ApiError:
    """The object is no longer the one that the caller knew."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.full} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=_details(resource, name))


def wrong_uid(resource: Resource, name: str, said: str, real: str) -> ApiError:
    """It is another object of the same name."""
    return conflict(resource, name, f"Precondition failed: UID in precondition: {said}, UID in object meta: {real}")


def wrong_version(resource: Resource, name: str, said: str, real: str) -> ApiError:
    """A precondition of a deletion does not hold."""
    why = f"Precondition failed: ResourceVersion in precondition: {said}, ResourceVersion in object meta: {real}"
    return conflict(resource, name, why)


def invalid(kind: str, group: str, name: str, problems: list[Problem]) -> ApiError:
    """The object cannot be as it was said."""
    texts = [f"{one.field}: {one.text}" for one in problems]
    written = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    full = f"{kind}.{group}" if group else kind
    causes = [{"reason": one.reason, "message": one.text, "field": one.field} for one in problems]
    details = {"name": name, "group": group, "kind": kind, "causes": causes}
    known = {key: value for key, value in details.items() if value}
    return ApiError(422, "Invalid", f'{full} "{name}" is invalid: {written}', details=known)


def unpatchable(why: str) -> ApiError:
    """A patch that cannot be applied: also what a failed `test` of a JSON patch is answered with."""
    del why  # the server keeps it to itself
    message = "the server rejected our request due to an error in our request"
    return ApiError(422, "Invalid", message, details={})


def bad_request(message: str) -> ApiError:
    """The request makes no sense."""
    return ApiError(400, "BadRequest", message)


def forbidden(resource: Resource, name: str, why: str) -> ApiError:
    """The caller may not."""
    about = f'{resource.full} "{name}"' if name else resource.full
    return ApiError(403, "Forbidden", f"{about} is forbidden: {why}", details=_details(resource, name))


def unauthorized() -> ApiError:
    """Nobody knows the caller."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def too_many(message: str, *, after: int = 0, causes: list[dict[str, str]] | None = None) -> ApiError:
    """Not now."""
    details: dict[str, Any] = {"causes": causes} if causes else {}
    if after:
        details["retryAfterSeconds"] = after
    return ApiError(
        429, "TooManyRequests", message, details=details, headers={"Retry-After": str(after)} if after else {}
    )


def gone(message: str) -> ApiError:
    """The past that was asked for is forgotten."""
    return ApiError(410, "Expired", message)


def no_method(what: str) -> ApiError:
    """The resource cannot be used so."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, details={"kind": what} if what else {})


def wrong_media_type(said: str) -> ApiError:
    """The body is of a kind that nobody here reads."""
    accepted = (
        "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, "
        "application/apply-patch+yaml"
    )
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return ApiError(415, "UnsupportedMediaType", message, details={"name": said} if said else {})
