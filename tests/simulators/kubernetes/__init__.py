"""A Kubernetes cluster that tests can drive: see README.md."""

from tests.simulators.kubernetes.behaviour import Behaviour
from tests.simulators.kubernetes.core import Pace
from tests.simulators.kubernetes.simulator import Kubernetes

__all__ = ["Behaviour", "Kubernetes", "Pace"]
