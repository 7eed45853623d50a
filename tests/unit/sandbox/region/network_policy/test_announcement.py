"""A pod's start waits for its rules: the plugin's side and the region's side."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from sandbox.region.network_policy import cni_plugin
from sandbox.region.network_policy.announcement import Announcement, AnnouncementServer, parse_announcement

ARGUMENTS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=qa;K8S_POD_NAME=one;K8S_POD_INFRA_CONTAINER_ID=x;K8S_POD_UID=u"
RESULT = {"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.244.255.2/32"}]}


@contextmanager
def listening(path: Path, admit: Callable[[Announcement], str]) -> Iterator[None]:
    server = AnnouncementServer(path, admit)
    yield
    server.close()


def call(monkeypatch: pytest.MonkeyPatch, command: str, socket: Path) -> int:
    configuration = {"cniVersion": "0.4.0", "socket": str(socket), "prevResult": RESULT}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(configuration)))
    monkeypatch.setenv("CNI_COMMAND", command)
    monkeypatch.setenv("CNI_ARGS", ARGUMENTS)
    return cni_plugin.main()


def test_a_pod_that_is_admitted_gets_what_the_plugins_before_have_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Announcement] = []
    with listening(tmp_path / "socket", lambda announced: (seen.append(announced), "")[1]):
        assert call(monkeypatch, "ADD", tmp_path / "socket") == 0
    assert json.loads(capsys.readouterr().out) == RESULT
    assert seen == [Announcement("qa", "one", "u", IPv4Address("10.244.255.2"))]


def test_a_pod_whose_rules_do_not_hold_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(tmp_path / "socket", lambda announced: "rules were refused"):
        assert call(monkeypatch, "ADD", tmp_path / "socket") == 1
    assert json.loads(capsys.readouterr().out) == {"cniVersion": "0.4.0", "code": 11, "msg": "rules were refused"}


def test_nor_does_it_when_nobody_enforces_policies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "ADD", tmp_path / "absent") == 1
    assert "start the region again" in json.loads(capsys.readouterr().out)["msg"]


@pytest.mark.parametrize(("command", "said"), [("DEL", ""), ("CHECK", ""), ("VERSION", "supportedVersions")])
def test_the_other_commands_ask_nobody(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    said: str,
) -> None:
    assert call(monkeypatch, command, tmp_path / "absent") == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", "null", '{"namespace": "a", "name": "b", "uid": "c", "address": "d"}']
)
def test_a_damaged_announcement_is_an_error_and_no_crash(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_announcement(line)
