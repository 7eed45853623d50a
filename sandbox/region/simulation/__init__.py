"""Simulated nodes: kwok says of them and of their pods what kubelets would say; nothing runs on them."""
