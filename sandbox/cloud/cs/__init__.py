"""Container service (ACK): managed clusters that are real Kubernetes clusters, and node pools of real nodes."""
