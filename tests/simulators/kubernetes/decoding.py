"""What is read of an object that was sent: what does not exist is dropped and told, what is of a wrong type refused."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes.errors import bad_request
from tests.simulators.kubernetes.quantities import canonical, is_quantity
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.shapes import Shape, fields

_GO = {"int": "int32", "str": "string", "bool": "bool", "datetime": "v1.Time", "float": "float64", "bytes": "[]uint8"}
_PYTHON: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "str": (str,),
    "bool": (bool,),
    "datetime": (str,),
    "float": (int, float),
    "bytes": (str,),
}
_QUANTITIES = {"limits", "requests", "hard", "capacity", "allocatable"}


class Decoder:
    """Reads one object of a kind; `unknown` are the fields that do not exist, as the server lists them."""

    def __init__(self, kind: str, version: str) -> None:
        self.kind = kind
        self.version = version
        self.unknown: list[str] = []

    def read(self, value: Any, model: str, path: str = "") -> Any:
        """The value without what its model does not have, and without nulls."""
        known = fields(model)
        if not known:
            return value
        if not isinstance(value, dict):
            raise self._wrong(value, model, path)
        found: dict[str, Any] = {}
        for name, one in value.items():
            where = f"{path}.{name}" if path else name
            if name not in known:
                self.unknown.append(f'unknown field "{where}"')
            elif one is not None:
                found[name] = self._field(one, known[name], where)
        return found

    def _field(self, value: Any, shape: Shape, path: str) -> Any:
        if shape.container == "list":
            if not isinstance(value, list):
                raise self._wrong(value, f"[]{_go(shape)}", path)
            return [self._item(one, shape, f"{path}[{at}]") for at, one in enumerate(value)]
        if shape.container == "dict":
            if not isinstance(value, dict):
                raise self._wrong(value, f"map[string]{_go(shape)}", path)
            if path.rpartition(".")[2] in _QUANTITIES:
                return {key: canonical(one) if is_quantity(one) else str(one) for key, one in value.items()}
            return {key: self._item(one, shape, f"{path}.{key}") for key, one in value.items()}
        return self._item(value, shape, path)

    def _item(self, value: Any, shape: Shape, path: str) -> Any:
        if shape.model:
            return self.read(value, shape.model, path)
        if shape.item == "object":
            return value
        wanted = _PYTHON[shape.item]
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise self._wrong(value, _go(shape), path)
        return value

    def _wrong(self, value: Any, wanted: str, path: str) -> Exception:
        got = {dict: "object", list: "array", str: "string", bool: "bool"}.get(type(value), "number")
        owner = path.split(".", maxsplit=1)[0] if path else self.kind
        why = f"json: cannot unmarshal {got} into Go struct field {self.kind}.{path or owner} of type {wanted}"
        return bad_request(
            f'{self.kind} in version "{self.version}" cannot be handled as a {self.kind}: {why}',
        )


def _go(shape: Shape) -> str:
    return _GO.get(shape.item, f"v1.{shape.item.removeprefix('V1')}")


def decode(resource: Resource, version: str, value: Any, model: str) -> tuple[dict[str, Any], list[str]]:
    """The object that was sent, and the fields in it that do not exist."""
    if not isinstance(value, dict):
        raise bad_request("the object provided is unrecognized (must be of type " + resource.kind + ")")
    decoder = Decoder(resource.kind, version)
    read = decoder.read(value, model) if model else value
    return read, decoder.unknown


def strict_error(resource: Resource, version: str, unknown: list[str]) -> Exception:
    """What `fieldValidation=Strict` says to fields that do not exist."""
    text = ", ".join(unknown)
    return bad_request(
        f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}: strict decoding error: {text}'
    )
