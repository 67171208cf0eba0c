"""What a careful client does not do, though the server would let it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulators.kubernetes.http.calls import Call

_WRITES = {"create", "update", "patch"}
_OTHERS = ("kubectl", "kube-")


def complaints(call: Call) -> Iterator[str]:
    """What is to be said of a request; kubectl is nobody's business here."""
    if call.user_agent.startswith(_OTHERS):
        return
    about = f"{call.method} {call.path}"
    if call.verb == "watch" and "timeoutSeconds" not in call.query:
        yield f"{about}: a watch without timeoutSeconds may hang for ever"
    if not call.mutates or call.verb not in _WRITES or call.subresource in {"eviction", "binding"}:
        return
    if not call.query.get("fieldManager"):
        yield f"{about}: without fieldManager nobody knows whose change it is"
    if call.query.get("fieldValidation") != "Strict":
        yield f"{about}: without fieldValidation=Strict a misspelt field is dropped in silence"
    if call.method == "PUT" and call.status < 400 and not _version(call):
        yield f"{about}: without a resourceVersion somebody else's change is overwritten"


def _version(call: Call) -> str:
    body = call.body
    return str(body.get("metadata", {}).get("resourceVersion", "")) if isinstance(body, dict) else ""
