"""A simulated cloud in a process and a state of its own on loopback, and the requests that its clients sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote, urlencode

from sandbox.paths import REPOSITORY

START_SECONDS = 30.0
VERSIONS = {"Vpc": "2016-04-28", "Alidns": "2015-01-09"}
REGION = "cn-hangzhou"


@dataclass(frozen=True)
class Signed:
    """A request ready to be sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class SimulatedCloud:
    """The process; `start` and `kill` may follow each other, on the same state and port."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._process: subprocess.Popen[str] | None = None
        self._nonces = itertools.count()
        self._run = secrets.token_hex(4)
        self._key = ("", "")
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process that serves. Raises RuntimeError when there is none."""
        if self._process is None:
            raise RuntimeError("the simulated cloud is not running")
        return self._process.pid

    def start(self) -> float:
        """Start it and wait until it listens; the seconds that took. Raises RuntimeError when it doesn't."""
        begun = time.monotonic()
        self._state.mkdir(parents=True, exist_ok=True)
        with (self._state / "output.log").open("a") as errors:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "sandbox.cloud", "--simulated", "--address", "127.0.0.1"),
                    *("--port", str(self.port), "--dns-port", "0"),
                ],
                cwd=REPOSITORY,
                env=_environment(self._state),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        if self._process.stdout is None:
            raise RuntimeError("the simulated cloud has no standard output")
        line = self._process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"the simulated cloud did not start; see {self._state / 'output.log'}")
        self.port = int(line.split(",")[0].rpartition(":")[2])
        found = json.loads((self._state / "credentials.json").read_text())
        self._key = (found["access_key_id"], found["access_key_secret"])
        return time.monotonic() - begun

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._end(forcibly=True)

    def stop(self) -> None:
        """End it in good order."""
        self._end(forcibly=False)

    def _end(self, *, forcibly: bool) -> None:
        if self._process is None:
            return
        if forcibly:
            self._process.kill()
        else:
            self._process.terminate()
        self._process.wait(timeout=START_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def rpc(self, service: str, action: str, **parameters: str) -> Signed:
        """A call of the RPC style, signature version 1."""
        values = {
            "AccessKeyId": self._key[0],
            "Action": action,
            "Format": "JSON",
            "RegionId": REGION,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": f"{self._run}-{next(self._nonces)}",
            "SignatureVersion": "1.0",
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "Version": VERSIONS[service],
            **parameters,
        }
        canonical = "&".join(f"{_quoted(name)}={_quoted(values[name])}" for name in sorted(values))
        values["Signature"] = self._hmac(self._key[1] + "&", f"POST&%2F&{_quoted(canonical)}")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Signed("POST", "/", headers, urlencode(values).encode())

    def oss(self, method: str, bucket: str, key: str = "", query: str = "", body: bytes = b"") -> Signed:
        """A call of object storage, signature version 1 in the header; `query` without signed sub-resources."""
        date = formatdate(usegmt=True)
        signature = self._hmac(self._key[1], f"{method}\n\n\n{date}\n/{bucket}/{key}")
        headers = {"Date": date, "Authorization": f"OSS {self._key[0]}:{signature}"}
        return Signed(method, f"/{bucket}/{quote(key)}" + (f"?{query}" if query else ""), headers, body)

    @staticmethod
    def _hmac(secret: str, text: str) -> str:
        return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _environment(state: Path) -> dict[str, str]:
    """As a user's shell would have it: with Python's compiled files kept, whatever this machine's is set to."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "SANDBOX_STATE": str(state), "SANDBOX_NAME": "benchmark"}


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
