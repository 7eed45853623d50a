"""What ACK's cluster-autoscaler does: nodes come for pods that fit nowhere, and go when they are not needed."""
