"""What the cluster has when it runs alone: a gateway that serves, scales and is protected."""

from __future__ import annotations

from tests.simulators.kubernetes.simulator import Kubernetes

NAMESPACE = "gateway"
MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: api-gateway}
data: {log_level: info, upstream_timeout: 2s}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api-gateway, labels: {app: api-gateway}}
spec:
  replicas: 3
  selector: {matchLabels: {app: api-gateway}}
  template:
    metadata: {labels: {app: api-gateway}}
    spec:
      containers:
        - name: gateway
          image: example.com/gateway:1.4.2
          ports: [{name: http, containerPort: 8080}]
          envFrom: [{configMapRef: {name: api-gateway}}]
          resources: {requests: {cpu: 250m, memory: 256Mi}, limits: {cpu: 500m, memory: 512Mi}}
          readinessProbe: {httpGet: {path: /healthz, port: http}}
---
apiVersion: v1
kind: Service
metadata: {name: api-gateway}
spec: {selector: {app: api-gateway}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: api-gateway}
spec:
  minReplicas: 2
  maxReplicas: 8
  targetCPUUtilizationPercentage: 70
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api-gateway}
"""
BUDGET = """
apiVersion: policy/%s
kind: PodDisruptionBudget
metadata: {name: api-gateway}
spec: {minAvailable: 2, selector: {matchLabels: {app: api-gateway}}}
"""


def furnish(cluster: Kubernetes) -> None:
    """Make it, and let each pod write a line."""
    cluster.create("namespaces", {"metadata": {"name": NAMESPACE}})
    version = "v1" if cluster.core.catalogue.modern else "v1beta1"
    cluster.apply(MANIFEST + "---" + BUDGET % version, namespace=NAMESPACE)
    cluster.use("api-gateway", cpu="160m", memory="180Mi", namespace=NAMESPACE)
    cluster.settle()
    for pod in cluster.list("pods", NAMESPACE):
        cluster.log(pod["metadata"]["name"], "listening on :8080\nGET /orders 200 14ms", namespace=NAMESPACE)
