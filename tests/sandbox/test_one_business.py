"""One business end to end, with the real engine, provider, Kubernetes and ElasticDL: the tests run in this order.

Up, a second up with no change, training with a worker killed in the middle, an edit, bad input, destroy, and nothing
left. What a single part does in detail is tested beside that part.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dnslib
import pytest
import yaml

from sandbox import cloud_process, deployment, lifecycle
from sandbox.engine import Engine
from sandbox.environment import environment
from sandbox.progress import Progress
from sandbox.region import cleanup
from sandbox.settings import SandboxSettings
from sandbox.toolchain import binary
from tests.sandbox.cluster import Cluster

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1800)]
