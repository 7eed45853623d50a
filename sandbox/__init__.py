"""The embedded cloud: an Alibaba Cloud emulator and real Kubernetes regions on one Linux machine."""
