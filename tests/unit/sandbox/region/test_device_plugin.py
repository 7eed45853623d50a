"""The device plugin speaks kubelet's protocol; a real kubelet takes it in tests/sandbox."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from sandbox.region import device_plugin
from sandbox.region.device_plugin import DevicePlugin, decode_fields, encode_field


class Kubelet:
    """The side of the protocol that kubelet serves."""

    def __init__(self, directory: Path) -> None:
        self.registrations: list[bytes] = []
        self.registered = threading.Event()
        self.socket = directory / "kubelet.sock"
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
        handler = grpc.unary_unary_rpc_method_handler(self._register)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("v1beta1.Registration", {"Register": handler}),)
        )
        self._server.add_insecure_port(f"unix://{self.socket}")
        self._server.start()

    def _register(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.registrations.append(request)
        self.registered.set()
        return b""

    def stop(self) -> None:
        self._server.stop(grace=None).wait(5)
        self.socket.unlink(missing_ok=True)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(device_plugin, "POLL_SECONDS", 0.02)
    plugin = DevicePlugin(2, tmp_path)
    thread = threading.Thread(target=plugin.run)
    thread.start()
    yield tmp_path
    plugin.stop()
    thread.join(timeout=10)


def test_it_registers_offers_its_devices_and_answers_an_allocation(running: Path) -> None:
    kubelet = Kubelet(running)
    assert kubelet.registered.wait(10)
    assert list(decode_fields(kubelet.registrations[0])) == [
        (1, b"v1beta1"),
        (2, b"nvidia-gpu.sock"),
        (3, b"nvidia.com/gpu"),
    ]
    with grpc.insecure_channel(f"unix://{running / 'nvidia-gpu.sock'}") as channel:
        devices = next(iter(channel.unary_stream("/v1beta1.DevicePlugin/ListAndWatch")(b"", timeout=5)))
        answer = channel.unary_unary("/v1beta1.DevicePlugin/Allocate")(
            encode_field(1, encode_field(1, "GPU-1") + encode_field(1, "GPU-0")), timeout=5
        )
    identifiers = [dict(decode_fields(device))[1] for _, device in decode_fields(devices)]
    assert identifiers == [b"GPU-0", b"GPU-1"]
    assert b"NVIDIA_VISIBLE_DEVICES" in answer
    assert b"GPU-1,GPU-0" in answer
    kubelet.stop()


def test_it_registers_again_with_a_new_kubelet(running: Path) -> None:
    first = Kubelet(running)
    assert first.registered.wait(10)
    first.stop()
    second = Kubelet(running)
    assert second.registered.wait(10)
    second.stop()


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300, 70000])
def test_fields_of_every_length_come_back(length: int) -> None:
    content = b"x" * length
    assert list(decode_fields(encode_field(15, content) + encode_field(16, b"y"))) == [(15, content), (16, b"y")]


def test_fields_of_other_kinds_are_skipped() -> None:
    message = b"\x08\x96\x01" + b"\x11" + b"8" * 8 + b"\x1d" + b"4" * 4 + encode_field(4, "text")
    assert list(decode_fields(message)) == [(4, b"text")]


@pytest.mark.parametrize("message", [b"\x0a\x05abc", b"\x0a", b"\xff" * 12, b"\x0b", b"\x80"])
def test_a_damaged_message_is_a_clear_error(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut short|ends after|not known"):
        list(decode_fields(message))


@pytest.mark.parametrize("count", ["0", "65"])
def test_a_count_outside_the_limits_is_refused(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        device_plugin.main(["--count", count])
    assert "a node has 1 to 64 devices" in capsys.readouterr().err
