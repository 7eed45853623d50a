"""The part of the Kubernetes API that an ElasticDL job asks for, whose pods are processes of this machine.

For measuring: what runs is what a cluster runs (the launcher's `elasticdl train`, the master, the Go parameter server,
the workers, each started by the command in its pod), without containers, scheduler and network between them. It has to
run in namespaces of its own (`apart`): pods find the service account where every pod has it, each has an address of its
own, the names of Services are lines of /etc/hosts, and all of it is gone with its first process.
"""

from __future__ import annotations

import datetime
import fcntl
import http.server
import ipaddress
import itertools
import json
import os
import queue
import socket
import ssl
import struct
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ACCOUNT = Path("/run/secrets/kubernetes.io/serviceaccount")
"""Where client libraries look for it; /var/run is a link to /run."""
HOSTS = Path("/etc/hosts")
ADDRESS = "127.0.0.1"
PODS_NETWORK = "127.0.1.{}"
IMAGE_FILE = "/root/.bashrc_elasticdl"
"""The trainer's image has it: `elasticdl_ps` on the path."""
KINDS = {"pods": "Pod", "services": "Service"}

Object = dict[str, Any]


def apart(command: Sequence[str]) -> list[str]:
    """The command in user, mount, network and process namespaces of its own, as root of these: no root is needed."""
    isolation = ("--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc")
    return ["unshare", *isolation, *command]


def furnish(folder: Path) -> None:
    """Inside: the loopback device, an empty /run, and a hosts file that can be written to, `folder`'s."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        fcntl.ioctl(device, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up and running
    hosts = folder / "hosts"
    hosts.write_text(f"{ADDRESS} localhost\n", encoding="utf-8")
    for line in (["mount", "-t", "tmpfs", "none", "/run"], ["mount", "--bind", str(hosts), str(HOSTS)]):
        subprocess.run(line, check=True)
    ACCOUNT.mkdir(parents=True)


class LocalPods:
    """The API server. Pods start when they are made, with `environment` beside their own; their output is in `folder`,
    a file each."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        working_directory: Path,
        account: Path = ACCOUNT,
        hosts: Path = HOSTS,
    ) -> None:
        self._folder = folder
        self._account = account
        self._hosts = hosts
        self._environment = dict(environment)
        self._working_directory = working_directory
        self._lock = threading.RLock()
        self._objects: dict[str, dict[str, Object]] = {kind: {} for kind in KINDS}
        self._numbers = itertools.count(1)
        self._watches: list[queue.SimpleQueue[Object]] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        """By pod."""
        handler = type("Handler", (_Handler,), {"pods": self})
        self._server = http.server.ThreadingHTTPServer((ADDRESS, 0), handler)
        self._server.socket = _encrypted(self._server.socket, account)
        self._server.daemon_threads = True

    def start(self) -> None:
        """Answer, and make this process one that runs in a pod."""
        (self._account / "token").write_text("none", encoding="utf-8")
        os.environ["KUBERNETES_SERVICE_HOST"] = ADDRESS
        os.environ["KUBERNETES_SERVICE_PORT"] = str(self._server.server_port)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Kill what runs, and answer no more."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self._server.shutdown()
        self._server.server_close()

    def pod(self, name: str) -> Object | None:
        with self._lock:
            return self._objects["pods"].get(name)

    def log(self, name: str) -> str:
        """What a pod has written."""
        file = self._folder / f"{name}.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    # ---- what a client may ask

    def get(self, kind: str, name: str) -> Object:
        """Raises KeyError, which is answered 404, as in all of these."""
        with self._lock:
            return self._objects[kind][name]

    def list(self, kind: str, selector: Mapping[str, str]) -> Object:
        with self._lock:
            items = [made for made in self._objects[kind].values() if _selects(selector, made)]
            version = str(next(self._numbers))
        return {
            "apiVersion": "v1",
            "kind": f"{KINDS[kind]}List",
            "metadata": {"resourceVersion": version},
            "items": items,
        }

    def watch(self, selector: Mapping[str, str]) -> Iterator[Object]:
        """What happens to pods from now on."""
        mine: queue.SimpleQueue[Object] = queue.SimpleQueue()
        with self._lock:
            self._watches.append(mine)
        return (event for event in iter(mine.get, None) if _selects(selector, event["object"]))

    def create(self, kind: str, body: Object) -> Object:
        with self._lock:
            number = next(self._numbers)
            metadata = body["metadata"]
            metadata |= {"uid": str(number), "creationTimestamp": _now()}
            body |= {"apiVersion": "v1", "kind": KINDS[kind]}
            if kind == "pods":
                body["status"] = {"phase": "Running", "podIP": PODS_NETWORK.format(number % 250 + 2)}
            self._objects[kind][metadata["name"]] = body
            if kind == "pods":
                self._note(body, "ADDED")
                self._run(body)
            else:
                self._name(body)
            return body

    def patch(self, kind: str, name: str, changes: Object) -> Object:
        """Merge the metadata, which is all that is patched."""
        with self._lock:
            found = self._objects[kind][name]
            for key in ("labels", "annotations"):
                found["metadata"][key] = {
                    **(found["metadata"].get(key) or {}),
                    **(changes.get("metadata", {}).get(key) or {}),
                }
            self._note(found, "MODIFIED")
            return found

    def delete(self, kind: str, name: str) -> Object:
        with self._lock:
            found = self._objects[kind].pop(name)
            process = self.processes.get(name)
            if kind == "pods" and process:
                process.kill()
                self._note(found, "DELETED")
            return found

    # ---- pods and Services

    def _run(self, pod: Object) -> None:
        """Start a pod's process, and note its end."""
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]
        file = self._folder / "bashrc"
        file.write_text("true\n", encoding="utf-8")  # the path is in the environment already
        given = {entry["name"]: entry.get("value") or pod["status"]["podIP"] for entry in container.get("env") or []}
        words = [*(container.get("command") or []), *(container.get("args") or [])]
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [word.replace(IMAGE_FILE, str(file)) for word in words],
                env={**self._environment, **os.environ, **given, "PATH": self._environment["PATH"]},
                cwd=self._working_directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes[name] = process
        threading.Thread(target=self._await, args=(pod, process), daemon=True).start()

    def _await(self, pod: Object, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        code = code if code >= 0 else 128 - code  # as a container's: 137 for SIGKILL
        ended = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
        container = {"name": pod["metadata"]["name"], "image": "", "imageID": "", "ready": False, "restartCount": 0}
        with self._lock:
            pod["status"] |= {
                "phase": "Failed" if code else "Succeeded",
                "containerStatuses": [{**container, "state": ended}],
            }
            self._note(pod, "MODIFIED")

    def _name(self, service: Object) -> None:
        """A Service's name leads to the pod that it selects."""
        selector, namespace = service["spec"]["selector"], service["metadata"]["namespace"]
        for pod in self._objects["pods"].values():
            if _selects(selector, pod):
                with self._hosts.open("a", encoding="utf-8") as hosts:
                    hosts.write(f"{pod['status']['podIP']} {service['metadata']['name']}.{namespace}.svc\n")

    def _note(self, pod: Object, happened: str) -> None:
        pod["metadata"]["resourceVersion"] = str(next(self._numbers))
        event = json.loads(json.dumps({"type": happened, "object": pod}))
        for watch in self._watches:
            watch.put(event)


class _Handler(http.server.BaseHTTPRequestHandler):
    """/api/v1/namespaces/NAMESPACE/KIND[/NAME]"""

    pods: LocalPods
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, name, options = self._asked()
        selector = dict(part.split("=", 1) for part in options.get("labelSelector", "").split(",") if part)
        if options.get("watch") in ("true", "True", "1"):
            self._stream(selector)
        elif name:
            self._answer(lambda: self.pods.get(kind, name))
        else:
            self._answer(lambda: self.pods.list(kind, selector))

    def do_POST(self) -> None:
        body, (kind, _, _) = self._body(), self._asked()
        self._answer(lambda: self.pods.create(kind, body), 201)

    def do_PATCH(self) -> None:
        body, (kind, name, _) = self._body(), self._asked()
        self._answer(lambda: self.pods.patch(kind, name, body))

    def do_DELETE(self) -> None:
        self._body()
        kind, name, _ = self._asked()
        self._answer(lambda: self.pods.delete(kind, name))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: requests are not of interest."""

    def _asked(self) -> tuple[str, str, dict[str, str]]:
        path = urllib.parse.urlsplit(self.path)
        _, kind, *name = path.path.removeprefix("/api/v1/namespaces/").split("/")
        return kind, name[0] if name else "", dict(urllib.parse.parse_qsl(path.query))

    def _body(self) -> Object:
        found: Object = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        return found

    def _answer(self, action: Any, status: int = 200) -> None:
        try:
            data = json.dumps(action()).encode()
        except KeyError as error:
            status, data = 404, json.dumps({"kind": "Status", "code": 404, "message": f"{error} not found"}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, selector: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for event in self.pods.watch(selector):
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        except OSError:  # the client went
            self.close_connection = True


def _selects(selector: Mapping[str, str], made: Object) -> bool:
    labels = made["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in selector.items())


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _encrypted(server: socket.socket, account: Path) -> socket.socket:
    """The socket with TLS, for clients that trust the service account's certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "local pods")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, *private)
    pem += certificate.public_bytes(serialization.Encoding.PEM)
    (account / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    both = account / "server.pem"
    both.write_bytes(pem)
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(both)
    return settings.wrap_socket(server, server_side=True)


def processor_seconds(process: int, proc: Path = Path("/proc")) -> float:
    """Of a process and all that it started and that still run, its threads and those waited for included."""
    ticks = 0
    left = [process]
    parents = _parents(proc)
    while left:
        current = left.pop()
        left += [child for child, parent in parents.items() if parent == current]
        fields = _fields(proc / str(current) / "stat")
        ticks += sum(map(int, fields[11:15])) if fields else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _parents(proc: Path) -> dict[int, int]:
    found = {}
    for entry in proc.iterdir():
        fields = _fields(entry / "stat") if entry.name.isdigit() else []
        if fields:
            found[int(entry.name)] = int(fields[1])
    return found


def _fields(stat: Path) -> list[str]:
    """From the state on, which comes after the name in brackets; empty if the process is gone."""
    try:
        return stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
