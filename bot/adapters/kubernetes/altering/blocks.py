"""Addresses that are kept out, by one NetworkPolicy that lets in everybody else.

Policies add up, and none takes away what another lets in. So all blocked addresses stand in one policy. Beside another
policy for the same pods a block would be none, or would let in everybody whom that one keeps out: that is refused.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any, ClassVar

from bot.adapters.kubernetes.access import CREATE_NETWORK_POLICY, LIST_NETWORK_POLICIES, PATCH_NETWORK_POLICY
from bot.adapters.kubernetes.altering.asking import listed
from bot.adapters.kubernetes.altering.thought import Change, Request, Said, Scene, Thought
from bot.adapters.kubernetes.detectors import selects
from bot.adapters.kubernetes.ledger import ANNOTATION, Note, text_with
from commands.errors import Conflict

_EVERYBODY = {4: "0.0.0.0/0", 6: "::/0"}


def _name(scene: Scene) -> str:
    return f"{scene.place.deployment[:230]}-tocsin-block"


async def _known(scene: Scene) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Our policy (with no uid where there is none yet), and those of others for the same pods."""
    policies, _ = await listed(scene, LIST_NETWORK_POLICIES)
    labels = scene.deployment["spec"]["template"]["metadata"].get("labels") or {}
    ours = [one for one in policies if one["metadata"]["name"] == _name(scene)]
    others = [one for one in policies if one not in ours and _inward(one, labels)]
    fresh = {"metadata": {"name": _name(scene), "namespace": await scene.place.space()}}
    return (ours[0] if ours else fresh), others


def _inward(policy: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether it says who reaches the pods, be it nobody."""
    spec = policy["spec"]
    return "Ingress" in spec.get("policyTypes", ["Ingress"]) and selects(spec.get("podSelector") or {}, labels)


def blocked(policy: dict[str, Any]) -> list[str]:
    """The addresses that a policy of ours keeps out."""
    peers = [peer for rule in (policy.get("spec") or {}).get("ingress") or () for peer in rule.get("from") or ()]
    return [one for peer in peers for one in (peer.get("ipBlock") or {}).get("except") or ()]


def _spec(scene: Scene, kept_out: list[str]) -> dict[str, Any]:
    peers: list[dict[str, Any]] = [{"namespaceSelector": {}}]  # some networks do not count pods as addresses
    for version, everybody in _EVERYBODY.items():
        inside = [one for one in kept_out if ipaddress.ip_network(one).version == version]
        peers.append({"ipBlock": {"cidr": everybody, **({"except": inside} if inside else {})}})
    selector = scene.deployment["spec"]["selector"]
    return {"podSelector": selector, "policyTypes": ["Ingress"], "ingress": [{"from": peers}]}


class _Blocking(Change):
    """What both have in common: the policy as it is to be."""

    def _thought(
        self, scene: Scene, policy: dict[str, Any], wanted: list[str], said: Said, facts: tuple[tuple[str, str], ...]
    ) -> Thought:
        now, cidr = blocked(policy), str(said["cidr"])
        there = "uid" in policy["metadata"]
        spec = _spec(scene, wanted)
        return Thought(
            PATCH_NETWORK_POLICY if there else CREATE_NETWORK_POLICY,
            policy if there else {**policy, "wanted": spec},
            live={"blocked": ", ".join(now) or "nothing"},
            settled={"cidr": cidr, "policy": policy["metadata"]["name"]},
            patch=[{"op": "replace", "path": "/spec", "value": spec}],
            facts=(("Blocked now", ", ".join(now) or "nothing"), *facts),
            already="" if now != wanted else f"{cidr} is {'blocked already' if cidr in now else 'not blocked'}.",
        )

    def request(self, thought: Thought, note: Note) -> Request:
        """A new policy, or a patch of ours."""
        if thought.access is PATCH_NETWORK_POLICY:
            return super().request(thought, note)
        meta = thought.known["metadata"]
        body = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {**meta, "annotations": {ANNOTATION: text_with(thought.known, note)}},
            "spec": thought.known["wanted"],
        }
        return Request(CREATE_NETWORK_POLICY, meta["namespace"], "", body, "application/json")


class Block(_Blocking):
    """One address or network more."""

    name: ClassVar[str] = "block"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        policy, others = await _known(scene)
        names = ", ".join(one["metadata"]["name"] for one in others)
        now, cidr = blocked(policy), str(said["cidr"])
        facts = (
            ("Holds where", "pods see the addresses of clients: externalTrafficPolicy Local, or no proxy before them"),
        )
        thought = self._thought(scene, policy, now if cidr in now else [*now, cidr], said, facts)
        if names and not thought.already and not said.get("policy"):
            raise Conflict(
                f"The network policy {names} says who reaches {scene.service}, and policies add up: a block beside it "
                "would keep nobody out, or let others in.",
                hint="Change that one.",
            )
        return replace(thought, live={**thought.live, "other network policies": names or "none"})


class Unblock(_Blocking):
    """One less."""

    name: ClassVar[str] = "unblock"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        policy, _ = await _known(scene)
        return self._thought(scene, policy, [one for one in blocked(policy) if one != str(said["cidr"])], said, ())


CHANGES: tuple[Change, ...] = (Block(), Unblock())
