"""Builds the container images of images/ without a Docker daemon, for the regions' nodes."""
