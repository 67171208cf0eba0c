"""Every request that Tocsin sends to Kubernetes, in one table: calls take their paths from it, and the Role its rules.

What is not in it is not asked for. `tocsin k8s rbac` prints the Role, `tocsin k8s doctor` asks whether it is in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Rules = list[dict[str, list[str]]]
RBAC = "rbac.authorization.k8s.io"
ACCOUNT = "tocsin"


@dataclass(frozen=True)
class Access:
    """One verb on one resource, and why. `versions`: as the API has them, the newest first.

    `whole_cluster`: it is in no namespace, or in any. `how`: the option of `tocsin k8s rbac` that grants it, where it
    is not given to everybody.
    """

    verb: str
    group: str
    resource: str
    why: str
    versions: tuple[str, ...] = ("v1",)
    method: str = "GET"
    optional: bool = False
    whole_cluster: bool = False
    how: str = ""

    @property
    def changes(self) -> bool:
        """Whether it is there to change something."""
        return self.method != "GET"

    @property
    def words(self) -> str:
        """As people say it: `patch deployments.apps`."""
        plural, slash, sub = self.resource.partition("/")
        everywhere = " everywhere" if self.whole_cluster and plural != "nodes" else ""
        return f"{self.verb} {plural}{f'.{self.group}' if self.group else ''}{slash}{sub}{everywhere}"

    def path(self, namespace: str, name: str = "", *, version: str = "") -> str:
        """Where it is asked."""
        root = f"/apis/{self.group}/{version or self.versions[0]}" if self.group else "/api/v1"
        plural, slash, sub = self.resource.partition("/")
        within = "" if self.whole_cluster and not namespace else f"/namespaces/{namespace}"
        return f"{root}{within}/{plural}{f'/{name}' if name else ''}{slash}{sub}"


GET_DEPLOYMENT = Access("get", "apps", "deployments", "copies, image and rollout in /gw status, and every read-back")
LIST_DEPLOYMENTS = Access("list", "apps", "deployments", "the names there are, when the one in the settings is not")
PATCH_DEPLOYMENT = Access(
    "patch",
    "apps",
    "deployments",
    "/gw restart, rollback, pause, resume, image, resources, env; the note of each",
    method="PATCH",
)
GET_SCALE = Access("get", "apps", "deployments/scale", "the count, looked at again right before it is changed")
PUT_SCALE = Access("update", "apps", "deployments/scale", "/gw scale and /gw undo", method="PUT")
LIST_REPLICA_SETS = Access("list", "apps", "replicasets", "the revisions in /gw history and /gw rollback")
LIST_PODS = Access("list", "", "pods", "/gw pods, and whose logs to read")
GET_LOG = Access("get", "", "pods/log", "/gw logs and /gw errors")
GET_CONFIG_MAP = Access("get", "", "configmaps", "/gw config and /gw configmap")
LIST_AUTOSCALERS = Access(
    "list", "autoscaling", "horizontalpodautoscalers", "whether an autoscaler would undo a scale", versions=("v2", "v1")
)
LIST_BUDGETS = Access(
    "list", "policy", "poddisruptionbudgets", "how many copies may be missing", versions=("v1", "v1beta1")
)
LIST_SCALED_OBJECTS = Access(
    "list", "keda.sh", "scaledobjects", "whether KEDA would undo a scale", versions=("v1alpha1",), optional=True
)
LIST_EVENTS = Access("list", "", "events", "/gw events, and what /gw describe says of an object")
LIST_SERVICES = Access(
    "list", "", "services", "/gw endpoints, /gw switch and /gw maintenance: which services send to the pods"
)
LIST_SLICES = Access(
    "list",
    "discovery.k8s.io",
    "endpointslices",
    "/gw endpoints and /gw switch: which pods get requests",
    versions=("v1", "v1beta1"),
)
LIST_POD_METRICS = Access("list", "metrics.k8s.io", "pods", "/gw top", versions=("v1beta1",), optional=True)
LIST_NODES = Access(
    "list", "", "nodes", "/gw nodes, /gw top nodes, and nodes in /gw changes", whole_cluster=True, how="--nodes"
)
LIST_NODE_METRICS = Access(
    "list", "metrics.k8s.io", "nodes", "/gw top nodes", versions=("v1beta1",), whole_cluster=True, how="--nodes"
)
PATCH_NODE = Access(
    "patch", "", "nodes", "/gw node cordon, uncordon and drain", method="PATCH", whole_cluster=True, how="--drain"
)
LIST_ALL_PODS = Access("list", "", "pods", "/gw node drain: who is on the node", whole_cluster=True, how="--drain")
EVICT_ANYWHERE = Access(
    "create",
    "",
    "pods/eviction",
    "/gw node drain, in whichever namespace a pod is",
    method="POST",
    whole_cluster=True,
    how="--drain",
)
LIST_SECRETS = Access("list", "", "secrets", "/gw certs: until when TLS certificates last", how="--certs")
LIST_NETWORK_POLICIES = Access("list", "networking.k8s.io", "networkpolicies", "/gw block: what lets traffic in")
PATCH_CONFIG_MAP = Access("patch", "", "configmaps", "/gw config set", method="PATCH")
PATCH_SERVICE = Access("patch", "", "services", "/gw switch and /gw maintenance", method="PATCH")
PATCH_POD = Access("patch", "", "pods", "/gw pod quarantine", method="PATCH")
CREATE_EVICTION = Access(
    "create", "", "pods/eviction", "/gw restart --gradual, as the disruption budgets allow", method="POST"
)
DELETE_POD = Access("delete", "", "pods", "/gw pod delete", method="DELETE")
PATCH_AUTOSCALER = Access(
    "patch", "autoscaling", "horizontalpodautoscalers", "/gw hpa bounds", versions=("v2", "v1"), method="PATCH"
)
CREATE_NETWORK_POLICY = Access("create", "networking.k8s.io", "networkpolicies", "/gw block", method="POST")
PATCH_NETWORK_POLICY = Access(
    "patch", "networking.k8s.io", "networkpolicies", "/gw block and /gw unblock", method="PATCH"
)

TABLE = (
    GET_DEPLOYMENT, LIST_DEPLOYMENTS, PATCH_DEPLOYMENT, GET_SCALE, PUT_SCALE, LIST_REPLICA_SETS, LIST_PODS, GET_LOG,
    GET_CONFIG_MAP, LIST_AUTOSCALERS, LIST_BUDGETS, LIST_SCALED_OBJECTS, LIST_EVENTS, LIST_SERVICES, LIST_SLICES,
    LIST_POD_METRICS, LIST_NETWORK_POLICIES, PATCH_CONFIG_MAP, PATCH_SERVICE, PATCH_POD, CREATE_EVICTION, DELETE_POD,
    PATCH_AUTOSCALER, CREATE_NETWORK_POLICY, PATCH_NETWORK_POLICY,
)  # fmt: skip
"""All that everybody grants."""

ON_REQUEST = (LIST_NODES, LIST_NODE_METRICS, LIST_SECRETS, PATCH_NODE, LIST_ALL_PODS, EVICT_ANYWHERE)
"""What is granted by an option of `tocsin k8s rbac` only: it reaches beyond the namespace, or to keys."""


def rules(table: Iterable[Access] = TABLE) -> Rules:
    """A table as rules of a Role: one for each resource, with its verbs."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for one in table:
        verbs.setdefault((one.group, one.resource), []).append(one.verb)
    return [
        {"apiGroups": [group], "resources": [resource], "verbs": known} for (group, resource), known in verbs.items()
    ]


def role(namespace: str, *, certs: bool = False) -> dict[str, Any]:
    """The least Role."""
    meta = {"name": ACCOUNT, "namespace": namespace}
    table = (*TABLE, LIST_SECRETS) if certs else TABLE
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": meta, "rules": rules(table)}


def manifest(
    namespace: str,
    *,
    account: str = ACCOUNT,
    home: str = "",
    impersonate: bool = False,
    nodes: bool = False,
    certs: bool = False,
    drain: bool = False,
) -> str:
    """Service account, Role and binding as YAML. `home`: where Tocsin itself runs, if elsewhere."""
    home = home or namespace
    subject = {"kind": "ServiceAccount", "name": account, "namespace": home}
    objects = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": home}},
        role(namespace, certs=certs),
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": ACCOUNT, "namespace": namespace},
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": ACCOUNT},
            "subjects": [subject],
        },
        *(_of_the_cluster("reads-nodes", _NODES, subject) if nodes else ()),
        *(_of_the_cluster("drains-nodes", _DRAINS, subject) if drain else ()),
        *(_of_the_cluster("impersonates", _IMPERSONATION, subject) if impersonate else ()),
    ]
    return "---\n".join(as_yaml(one) for one in objects)


_NODES = rules((LIST_NODES, LIST_NODE_METRICS))
_DRAINS = rules((LIST_NODES, PATCH_NODE, LIST_ALL_PODS, EVICT_ANYWHERE))
_IMPERSONATION = [{"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}]


def _of_the_cluster(what: str, granted: Rules, subject: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Nodes and people are of the cluster, not of a namespace."""
    name = f"{ACCOUNT}-{what}"
    yield {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": granted}
    yield {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
        "subjects": [subject],
    }


def as_yaml(known: dict[str, Any]) -> str:
    """One object; the lists of rules on one line each."""
    text: str = yaml.safe_dump(known, sort_keys=False, default_flow_style=None, width=120)
    return text
