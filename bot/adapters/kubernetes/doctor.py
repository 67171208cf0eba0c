"""`tocsin k8s doctor`: whether each cluster is reached, what it serves, and which rights are missing.

It asks and changes nothing, and it may run beside the bot.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from email.utils import parsedate_to_datetime
from typing import Any

from bot.adapters.kubernetes.access import ACCOUNT, ON_REQUEST, TABLE, Access, as_yaml, role
from bot.adapters.kubernetes.building import cluster_of
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.wire import Cluster
from bot.findings import Finding, bad, good, note
from bot.settings import Settings, SettingsError
from commands.errors import NotFound, Refusal

_SKEW_SECONDS = 60
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_METRICS = "metrics.k8s.io"


async def examine(settings: Settings, now: Callable[[], float] = time.time) -> AsyncIterator[Finding]:
    """Every cluster of the settings, one after the other."""
    known = settings.kubernetes.clusters
    if not known:
        yield bad("settings: kubernetes.clusters is empty", "docs/kubernetes.md shows how a cluster is named")
    for finding in _of_settings(settings):
        yield finding
    for name in known:
        try:
            cluster = cluster_of(settings.kubernetes, name)
        except SettingsError as wrong:
            yield bad(str(wrong), "name the kubeconfig that reaches the cluster")
            continue
        try:
            async for finding in _Examination(settings, cluster, now).findings():
                yield finding
        finally:
            await cluster.close()


def _of_settings(settings: Settings) -> list[Finding]:
    """Whether the ports are provided by Kubernetes, and by what else."""
    chosen = {port: name for port, name in settings.adapters.model_dump().items() if name == "kubernetes"}
    if not settings.gateway.kubernetes.deployment:
        return [note("settings: the gateway is not in Kubernetes", "set gateway.kubernetes.deployment, then adapters")]
    if not chosen:
        return [bad("settings: no port is provided by Kubernetes", "set adapters.deployments and .logs to kubernetes")]
    return [good(f"settings: {', '.join(chosen)} by Kubernetes")]


class _Examination:
    """One cluster."""

    def __init__(self, settings: Settings, cluster: Cluster, now: Callable[[], float]) -> None:
        self._settings = settings
        self._cluster = cluster
        self._now = now

    async def findings(self) -> AsyncIterator[Finding]:
        """What depends on something that failed is left out."""
        name = self._cluster.name
        try:
            answer = await self._cluster.ask("/version")
            served = await self._cluster.ask("/apis")
        except Refusal as gone:
            yield bad(f"{name}: {gone.message}", f"look at kubernetes.clusters.{name}: kubeconfig, context, network")
            return
        if answer.status == 401 or served.status == 401:
            yield bad(f"{name}: it does not accept the credentials", f"look at kubernetes.clusters.{name}")
            return
        for finding in (self._of_version(answer.body), self._of_clock(answer.headers.get("date", ""))):
            yield finding
        groups = _groups(served.body)
        for finding in self._of_groups(groups):
            yield finding
        for space in await self._namespaces():
            for finding in await self._of_rights(groups, space):
                yield finding
        if self._is_the_gateways:
            yield await self._of_deployment()

    @property
    def _is_the_gateways(self) -> bool:
        where = self._settings.gateway.kubernetes
        return bool(where.deployment) and where.cluster_of(self._settings.kubernetes) == self._cluster.name

    async def _namespaces(self) -> list[str]:
        """All in which the gateway may run, its own first."""
        own = self._settings.gateway.kubernetes.namespace if self._is_the_gateways else ""
        others = self._cluster.how.namespaces
        first = own or (others[0] if others and not self._cluster.how.namespace else "")
        return list(dict.fromkeys((await self._cluster.namespace(first), *others)))

    def _of_version(self, body: bytes) -> Finding:
        said: dict[str, Any] = json.loads(body)
        return good(f"{self._cluster.name}: reached, Kubernetes {said.get('gitVersion', 'of a version that it hides')}")

    def _of_clock(self, said: str) -> Finding:
        name = self._cluster.name
        if not said:
            return note(f"{name}: it did not say what time it is")
        skew = self._now() - parsedate_to_datetime(said).timestamp()
        if abs(skew) < _SKEW_SECONDS:
            return good(f"{name}: the clocks agree")
        way = "ahead" if skew > 0 else "behind"
        return bad(f"{name}: this machine is {abs(skew):.0f} s {way}", "set the clock, for example by NTP")

    def _of_groups(self, groups: dict[str, list[str]]) -> list[Finding]:
        found = []
        for one in TABLE:
            spoken = [version for version in one.versions if version in groups.get(one.group, ())]
            if one.group and not spoken and not one.optional:
                wanted = " or ".join(f"{one.group}/{version}" for version in one.versions)
                found.append(bad(f"{self._cluster.name}: it does not serve {wanted}", f"needed for: {one.why}"))
        versions = (f"{group}/{', '.join(groups[group])}" for group in ("autoscaling", "policy") if group in groups)
        found.append(good(f"{self._cluster.name}: it serves {'; '.join(versions)}"))
        if _METRICS not in groups:
            found.append(note(f"{self._cluster.name}: no {_METRICS}", "install metrics-server, if /gw top is to work"))
        return found

    async def _of_rights(self, groups: dict[str, list[str]], space: str) -> list[Finding]:
        """Each verb of the table, asked by a review; all at once."""
        name = self._cluster.name
        wanted = [one for one in TABLE if not one.optional or one.group in groups]
        allowed = await asyncio.gather(*(self._may(one, space) for one in wanted))
        missing = [one for one, may in zip(wanted, allowed, strict=True) if not may]
        notes = await self._on_request(space)
        found = [await self._of_impersonation()] if self._cluster.how.impersonate else []
        if not missing:
            return [good(f"{name}: each of the {len(wanted)} verbs is allowed in {space}"), *notes, *found]
        lines = "\n".join(f"    {one.words}: {one.why}" for one in missing)
        who = await self._who()
        fix = f"bind this Role to {who}, or apply what `tocsin k8s rbac` prints:\n{_indented(as_yaml(role(space)))}"
        return [*notes, bad(f"{name}: these verbs are missing in {space}:\n{lines}", fix), *found]

    async def _on_request(self, space: str) -> list[Finding]:
        """What not everybody grants; without it, some commands say so."""
        allowed = await asyncio.gather(*(self._may(one, space) for one in ON_REQUEST))
        return [
            note(f"{self._cluster.name}: not granted: {one.words} ({one.why})", f"tocsin k8s rbac {one.how}")
            for one, may in zip(ON_REQUEST, allowed, strict=True)
            if not may
        ]

    async def _may(self, access: Access, space: str) -> bool:
        plural, _, sub = access.resource.partition("/")
        space = "" if access.whole_cluster else space
        said = {"namespace": space, "verb": access.verb, "group": access.group, "resource": plural, "subresource": sub}
        return await self._review(said)

    async def _review(self, said: dict[str, str]) -> bool:
        answer = await self._cluster.ask(_REVIEW, body={"spec": {"resourceAttributes": said}})
        return answer.good and bool(json.loads(answer.body)["status"].get("allowed"))

    async def _of_impersonation(self) -> Finding:
        name = self._cluster.name
        if await self._review({"verb": "impersonate", "group": "", "resource": "users"}):
            return good(f"{name}: people may be impersonated; their own rights decide over changes")
        return bad(f"{name}: impersonate is set, and not allowed", "apply what `tocsin k8s rbac --impersonate` prints")

    async def _who(self) -> str:
        """Who the cluster takes us for; servers before 1.28 do not say."""
        answer = await self._cluster.ask(_WHO, body={})
        user = json.loads(answer.body)["status"]["userInfo"]["username"] if answer.good else ""
        return user or f"the service account {ACCOUNT}"

    async def _of_deployment(self) -> Finding:
        where = self._settings.gateway.kubernetes
        try:
            found = await Place(self._settings.gateway.name, self._cluster, where.namespace, where.deployment).read()
        except NotFound as missing:
            return bad(f"{self._cluster.name}: {missing.message}", missing.hint)
        except Refusal as refused:
            return bad(refused.message, refused.hint)
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        return good(f"{self._cluster.name}: {where.deployment} runs {image}")


def _groups(body: bytes) -> dict[str, list[str]]:
    """The API groups that are served, with their versions."""
    try:
        listed = json.loads(body).get("groups", [])
    except ValueError:
        return {}
    return {one["name"]: [version["version"] for version in one["versions"]] for one in listed}


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
