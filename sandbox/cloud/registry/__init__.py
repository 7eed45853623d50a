"""The image registry behind the container registry service: Docker's registry API, version 2, with real images."""
