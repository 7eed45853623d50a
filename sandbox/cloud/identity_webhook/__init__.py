"""The admission webhook that gives pods their RAM role (RRSA), as ACK's ack-pod-identity-webhook does."""
