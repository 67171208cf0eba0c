"""One way to every call: the official client in worker threads, with a timeout, and each error as what it means.

The client builds the connection (kubeconfig, plugins that fetch tokens, TLS, the service account of a pod) and signs
the requests; bodies stay JSON, since its typed models drop the fields that they do not know.

    reads        tried twice when the connection breaks; no answer: Unavailable;
                 the same question of several at the same moment is asked once
    changes      sent once; nothing was sent, or refused by name (4xx): Rejected, a 409 Conflicted;
                 sent, and then silence, a broken connection or a 5xx: OutcomeUnknown
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bot.adapters.kubernetes.access import Access
from bot.adapters.kubernetes.settings import ClusterSettings
from bot.adapters.kubernetes.sharing import Shared
from commands.errors import Conflict, NotFound, Unavailable
from commands.ports import OutcomeUnknown, Rejected

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

T = TypeVar("T")
FIELD_MANAGER = "tocsin"
MERGE_PATCH = "application/merge-patch+json"
DOCTOR = "`tocsin k8s doctor` says what is missing, and prints the Role that allows it."
_READ_TRIES = 2
_THREADS = 8
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
#: What one refuses is refused for this object only.
_WEBHOOK = "admission webhook"
_STRICT = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}


class Conflicted(Rejected):
    """The object was changed meanwhile (409): nothing happened, and it may be looked at again."""


class NotAllowed(Unavailable):
    """The credentials do not reach so far (403)."""


class Forbidden(Rejected):
    """The same of a change (401, 403): nothing happened, and asking again does not help."""


class Declined(Unavailable):
    """The server is there, and does not answer this question (4xx)."""


class NotNow(Rejected):
    """The same for a while (429): nothing happened, and it may be asked again later."""


class NotSent(Exception):  # noqa: N818 - a state of the request
    """There was no connection; nothing can have happened."""


class NoAnswer(Exception):  # noqa: N818 - a state of the request
    """The request may have arrived; there was no answer."""


@dataclass(frozen=True)
class Answer:
    """What came back. The names of headers are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300

    @property
    def words(self) -> str:
        """What the server says is wrong."""
        try:
            said = json.loads(self.body)
            causes = (said.get("details") or {}).get("causes") or () if self.status == 429 else ()
            return " ".join(str(one.get("message", "")) for one in (*causes,) or (said,))[:300]
        except (ValueError, KeyError, TypeError):
            return f"status {self.status}"


class Cluster:
    """One cluster. Threads are its own: a slow API server holds up nobody else."""

    def __init__(self, name: str, how: ClusterSettings, *, connect: float = 3, timeout: float = 8) -> None:
        self.name = name
        self.how = how
        self._patience = (connect, timeout)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"kubernetes-{name}")
        self._making = threading.Lock()
        self._client: ApiClient | None = None
        self._namespace = how.namespace
        self._shared = Shared[Answer]()

    async def close(self) -> None:
        """Let go of threads and connections; calls under way end by their own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            await asyncio.to_thread(self._client.close)

    # ------------------------------------------------------------ what adapters ask

    async def get(self, access: Access, namespace: str, name: str = "", **query: object) -> Any:
        """Read JSON. Raises Unavailable, NotFound."""
        return json.loads(await self.text(access, namespace, name, **query))

    async def text(self, access: Access, namespace: str, name: str = "", **query: object) -> bytes:
        """Read what it is. Raises Unavailable, NotFound."""
        answer = await self.ask(access.path(namespace, name), query)
        if answer.good:
            return answer.body
        raise self.refused(answer, access, namespace, name)

    async def ask(self, path: str, query: Mapping[str, object] | None = None, body: Any = None) -> Answer:
        """A request that changes nothing, once more after a broken connection. Raises Unavailable."""
        if body is not None:
            return await self._ask("POST", path, query or {}, body)
        question = (path, *sorted((name, str(value)) for name, value in (query or {}).items()))
        return await self._shared.ask(question, lambda: self._ask("GET", path, query or {}))

    async def _ask(self, method: str, path: str, query: Mapping[str, object], body: Any = None) -> Answer:
        for attempt in range(_READ_TRIES):
            try:
                return await self._in_thread(lambda: self._send(method, path, query, body))
            except (NotSent, NoAnswer) as gone:
                if attempt + 1 == _READ_TRIES:
                    raise self._gone(str(gone)) from gone
        raise AssertionError("unreachable")

    async def change(
        self, access: Access, namespace: str, name: str, body: Any, *, kind: str = "", person: str = ""
    ) -> Any:
        """Ask once. Raises Conflicted, Rejected, OutcomeUnknown."""
        headers = {"Content-Type": kind or "application/json", **({"Impersonate-User": person} if person else {})}
        path = access.path(namespace, name)
        self._shared.forget()
        try:
            answer = await self._in_thread(lambda: self._send(access.method, path, _STRICT, body, headers))
        except NotSent as never:
            raise Rejected(f"no connection to the cluster {self.name} ({never})") from never
        except NoAnswer as silence:
            raise OutcomeUnknown(f"the cluster {self.name} did not answer ({silence})") from silence
        finally:
            self._shared.forget()
        if answer.good:
            return json.loads(answer.body)
        if answer.status == 409:
            raise Conflicted(answer.words)
        if answer.status in {401, 403, 404}:
            why = self.refused(answer, access, namespace, name, person).words()
            raise (Rejected if answer.status == 404 or _WEBHOOK in answer.words else Forbidden)(why)
        if answer.status < 500:
            raise (NotNow if answer.status == 429 else Rejected)(answer.words)
        raise OutcomeUnknown(f"the cluster {self.name} answered {answer.status}: {answer.words}")

    async def rehearse(self, access: Access, namespace: str, name: str, body: Any, kind: str) -> dict[str, Any] | str:
        """What a change would make of an object, without making it; or why the server cannot tell.

        Raises Conflict for what it would refuse, and Unavailable.
        """
        headers, path = {"Content-Type": kind}, access.path(namespace, name)
        said = {**_STRICT, "dryRun": "All"}
        if access.method == "DELETE":  # whose options are its body
            body = {**body, "dryRun": ["All"]}
        try:
            answer = await self._in_thread(lambda: self._send(access.method, path, said, body, headers))
        except (NotSent, NoAnswer) as gone:
            raise self._gone(str(gone)) from gone
        if answer.good:
            found: dict[str, Any] = json.loads(answer.body)
            return found
        if answer.status == 400 and "dry run" in answer.words:
            return answer.words
        if answer.status in {400, 409, 422} or (answer.status == 403 and _WEBHOOK in answer.words):
            raise Conflict(f"The cluster {self.name} would refuse that: {answer.words}")
        raise self.refused(answer, access, namespace, name)

    async def would(self, access: Access, namespace: str, name: str, body: Any) -> str:
        """Why the server would refuse a change; nothing where it would make it. Nothing is made. Raises Unavailable."""
        path = access.path(namespace, name)
        said = {**_STRICT, "dryRun": "All"}
        try:
            answer = await self._in_thread(lambda: self._send(access.method, path, said, body))
        except (NotSent, NoAnswer) as gone:
            raise self._gone(str(gone)) from gone
        if answer.status in {401, 403}:
            raise self.refused(answer, access, namespace, name)
        return "" if answer.good or answer.status == 404 else answer.words

    @property
    def known_namespace(self) -> str:
        """That of the settings, or of the context once it was read."""
        return self._namespace

    async def namespace(self, wanted: str = "") -> str:
        """The namespace that is meant: the one asked for, the setting's, the context's, or `default`."""
        if wanted or self._namespace:
            return wanted or self._namespace
        try:
            await self._in_thread(self._connected)
        except NotSent as never:
            raise self._gone(str(never)) from never
        return self._namespace

    # ------------------------------------------------------------ what went wrong

    def refused(
        self, answer: Answer, access: Access, namespace: str, name: str, person: str = ""
    ) -> Unavailable | NotFound:
        """A refusal in words: which verb on which resource, and what to do."""
        who = f" as {person}" if person else ""
        if answer.status == 401:
            return Unavailable(
                f"The cluster {self.name} does not accept Tocsin's credentials (401).",
                hint=f"Look at kubernetes.clusters.{self.name}, and at when its token ran out. {DOCTOR}",
            )
        if answer.status == 403:
            said = "" if "cannot impersonate" not in answer.words else ", nor to impersonate anybody"
            where = f" in {namespace}" if namespace else ""
            return NotAllowed(
                f"The cluster {self.name} does not allow Tocsin{who} to {access.words}{where}{said} (403).",
                hint=f"`tocsin k8s rbac {access.how}` prints what allows it." if access.how else DOCTOR,
            )
        if answer.status == 404:
            what = f"{access.resource.partition('/')[0]}/{name}" if name else access.resource
            return NotFound(f"There is no {what} in {namespace} of the cluster {self.name}.")
        if answer.status < 500:
            return Declined(f"The cluster {self.name} does not answer that: {answer.words}")
        return self._gone(answer.words)

    def _gone(self, why: str) -> Unavailable:
        return Unavailable(
            f"The cluster {self.name} does not answer ({why}).",
            hint=f"Its address is in kubernetes.clusters.{self.name}. {DOCTOR}",
        )

    # ------------------------------------------------------------ in the thread

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, object],
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        client = self._connected()
        from kubernetes.client import ApiException
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

        said = {"Accept": "application/json, */*", "Content-Type": "application/json", **(headers or {})}
        known = [(name, str(value)) for name, value in query.items()]
        try:
            request = client.param_serialize(method, path, {}, known, said, body, auth_settings=["BearerToken"])
        except Exception as error:
            # A plugin that fetches tokens may fail in any way; nothing was sent.
            raise NotSent(f"no credentials: {type(error).__name__}: {error}") from error
        try:
            answer = client.call_api(*request, _request_timeout=self._patience)
            content = answer.read()
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise NotSent(type(error).__name__) from error
        except ApiException as error:
            never = "CERTIFICATE_VERIFY_FAILED" in str(error.reason)
            raise (NotSent if never else NoAnswer)(" ".join(str(error.reason).split())[:200]) from error
        except (HTTPError, OSError) as error:
            raise NoAnswer(type(error).__name__) from error
        except ValueError as error:
            # A name that fits into no header; the request was never whole.
            raise NotSent(f"{type(error).__name__}: {error}") from error
        return Answer(answer.status, content, {name.lower(): value for name, value in answer.headers.items()})

    def _connected(self) -> ApiClient:
        with self._making:
            if self._client is None:
                try:
                    self._client = self._connect()
                except Exception as error:
                    # The client raises what its many ways to sign in raise; all of it is before any request.
                    raise NotSent(f"{type(error).__name__}: {error}") from error
            return self._client

    def _connect(self) -> ApiClient:
        from kubernetes import client, config

        made: Any = client.Configuration()
        if self.how.in_cluster:
            config.load_incluster_config(client_configuration=made)
            found = _OWN_NAMESPACE.read_text(encoding="utf-8").strip() if _OWN_NAMESPACE.exists() else ""
        else:
            file, context = _expanded(self.how.kubeconfig), self.how.context or None
            config.load_kube_config(file, context=context, client_configuration=made, persist_config=False)
            found = _namespace_of(config, file, context)
        self._namespace = self._namespace or found or "default"
        # urllib3 would send a PUT again after a broken connection.
        made.retries = False
        made.connection_pool_maxsize = _THREADS
        one: ApiClient = client.ApiClient(made)
        one.user_agent = FIELD_MANAGER
        return one


def _expanded(path: str) -> str | None:
    return str(Path(path).expanduser()) if path else None


def _namespace_of(config: Any, file: str | None, context: str | None) -> str:
    """What the context says."""
    contexts, current = config.list_kube_config_contexts(file)
    chosen = next((one for one in contexts if one["name"] == context), current)
    return str(chosen["context"].get("namespace") or "")
