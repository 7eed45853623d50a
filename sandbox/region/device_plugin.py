"""A real Kubernetes device plugin that tells a node's kubelet of GPUs that do not exist, so that they are counted.

Runs as a program of its own, `device_plugin.py --count N`, in a node's namespaces, and imports nothing of the sandbox,
to stay small. The capacity comes from the plugin as on a real node, so it holds through kubelet's status updates, and
the plugin registers again when kubelet restarts. Containers get NVIDIA_VISIBLE_DEVICES and no device file.

The four messages of the protocol (k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1) hold strings and messages only, so they
are encoded here in a few lines instead of with generated code.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from pathlib import Path

import grpc

DIRECTORY = Path("/var/lib/kubelet/device-plugins")
"""Fixed in the protocol."""
RESOURCE = "nvidia.com/gpu"
ENDPOINT = "nvidia-gpu.sock"
API_VERSION = "v1beta1"
POLL_SECONDS = 0.25
FIRST_POLL_SECONDS = 0.1
"""Until registered: a kubelet that knows the devices when it first reports its status makes the node usable at once."""
CALL_SECONDS = 5.0


def encode_field(number: int, value: str | bytes) -> bytes:
    """A length-delimited protobuf field: a string or an encoded message."""
    content = value.encode() if isinstance(value, str) else value
    return _encode_integer(number << 3 | 2) + _encode_integer(len(content)) + content


def decode_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, content) of each length-delimited field of a message; fields of other kinds are skipped.

    Raises:
        ValueError: when the message is cut short or uses a kind that protobuf no longer has.
    """
    position = 0
    while position < len(message):
        key, position = _decode_integer(message, position)
        kind = key & 7
        if kind == 0:
            _, position = _decode_integer(message, position)
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        elif kind == 2:
            length, position = _decode_integer(message, position)
            if position + length > len(message):
                raise ValueError(f"a field of {length} bytes ends after the message's {len(message)} bytes")
            yield key >> 3, message[position : position + length]
            position += length
        else:
            raise ValueError(f"wire type {kind} is not known")


def encode_registration() -> bytes:
    """RegisterRequest: version, endpoint, resource name."""
    return encode_field(1, API_VERSION) + encode_field(2, ENDPOINT) + encode_field(3, RESOURCE)


def encode_devices(count: int) -> bytes:
    """ListAndWatchResponse with healthy devices."""
    return b"".join(
        encode_field(1, encode_field(1, f"GPU-{number}") + encode_field(2, "Healthy")) for number in range(count)
    )


def answer_allocation(request: bytes) -> bytes:
    """AllocateResponse for an AllocateRequest: each container is told which devices are its own."""
    response = b""
    for number, container in decode_fields(request):
        if number == 1:
            devices = ",".join(content.decode() for field, content in decode_fields(container) if field == 1)
            entry = encode_field(1, "NVIDIA_VISIBLE_DEVICES") + encode_field(2, devices)
            response += encode_field(1, encode_field(1, entry))
    return response


class DevicePlugin:
    """Serves the plugin's side of the protocol and keeps it registered."""

    def __init__(self, count: int, directory: Path = DIRECTORY) -> None:
        """Prepare to offer this many devices."""
        self._count, self._directory = count, directory
        self._stopped = threading.Event()
        self._server: grpc.Server | None = None

    def run(self) -> None:
        """Serve until stopped; (re)register whenever kubelet has made a new socket."""
        registered: tuple[int, int] | None = None
        while not self._stopped.is_set():
            current = self._kubelet_socket()
            if current is not None and current != registered:
                self._serve()
                registered = current if self._register() else None
            self._stopped.wait(POLL_SECONDS if registered else FIRST_POLL_SECONDS)
        if self._server is not None:
            self._server.stop(grace=None)

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()

    def _kubelet_socket(self) -> tuple[int, int] | None:
        try:
            status = (self._directory / "kubelet.sock").stat()
        except OSError:
            return None
        return status.st_ino, status.st_ctime_ns

    def _serve(self) -> None:
        """Listen on a fresh socket: a starting kubelet deletes all sockets in its directory."""
        if self._server is not None:
            self._server.stop(grace=None).wait(CALL_SECONDS)
        (self._directory / ENDPOINT).unlink(missing_ok=True)
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        unary: dict[str, Callable[[bytes, grpc.ServicerContext], bytes]] = {
            "GetDevicePluginOptions": lambda request, context: b"",
            "GetPreferredAllocation": lambda request, context: b"",
            "PreStartContainer": lambda request, context: b"",
            "Allocate": lambda request, context: answer_allocation(request),
        }
        handlers = {name: grpc.unary_unary_rpc_method_handler(method) for name, method in unary.items()}
        handlers["ListAndWatch"] = grpc.unary_stream_rpc_method_handler(self._list_and_watch)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v1beta1.DevicePlugin", handlers),))
        server.add_insecure_port(f"unix://{self._directory / ENDPOINT}")
        server.start()
        self._server = server

    def _list_and_watch(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield encode_devices(self._count)
        while context.is_active() and not self._stopped.wait(POLL_SECONDS):
            continue

    def _register(self) -> bool:
        with grpc.insecure_channel(f"unix://{self._directory / 'kubelet.sock'}") as channel:
            call = channel.unary_unary("/v1beta1.Registration/Register", None, None)
            try:
                call(encode_registration(), timeout=CALL_SECONDS)
            except grpc.RpcError as error:
                print(f"kubelet did not take the registration yet: {error}", flush=True)
                return False
        print(f"registered {self._count} {RESOURCE}", flush=True)
        return True


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, required=True, help="how many devices to offer, 1 to 64")
    count = parser.parse_args(arguments).count
    if not 1 <= count <= 64:
        parser.error(f"--count is {count}; a node has 1 to 64 devices")
    plugin = DevicePlugin(count)
    signal.signal(signal.SIGTERM, lambda number, frame: plugin.stop())
    plugin.run()


def _encode_integer(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _decode_integer(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message) or shift > 63:
            raise ValueError("an integer of the message is cut short")
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


if __name__ == "__main__":
    main()
