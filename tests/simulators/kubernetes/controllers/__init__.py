"""What moves by itself in a cluster: controllers, scheduler, kubelets."""
