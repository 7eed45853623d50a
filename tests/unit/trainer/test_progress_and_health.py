"""What is read from logs, and what the launcher's web server answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from trainer.errors import SettingsError
from trainer.health import Status, serve
from trainer.progress import Progress

MASTER_LOG = """
[2026-01-01 00:00:00,000] [INFO] [task_dispatcher.py:148:create_tasks] Starting epoch 2
[2026-01-01 00:00:01,000] [INFO] [task_dispatcher.py:310:report] Task:41 completed, 43 remaining tasks
[2026-01-01 00:00:01,000] [INFO] [task_dispatcher.py:310:report] Task:42 completed, 42 remaining tasks
[2026-01-01 00:00:02,000] [INFO] [x.py:1:x] Evaluation metrics[v=200]: {'cross_entropy': 0.35, 'accuracy': 0.9}
"""
WORKER_LOG = "[2026] [INFO] [worker.py:730:_process_minibatch] Loss = 2.1285998821258545, steps = 401\n"


def progress() -> Progress:
    made = Progress()
    made.read_master(MASTER_LOG)
    made.read_worker("worker-0", WORKER_LOG)
    return made


def test_logs_tell_epoch_tasks_loss_and_evaluations() -> None:
    made = progress()
    assert (made.epoch, made.step, len(made.tasks_done), made.tasks_remaining) == (2, 401, 2, 42)
    assert made.loss == pytest.approx(2.1286)
    assert made.evaluations == {200: {"cross_entropy": 0.35, "accuracy": 0.9}}


def test_lines_that_come_again_change_nothing() -> None:
    made = progress()
    before = made.to_json()
    made.read_master(MASTER_LOG)
    made.read_worker("worker-0", WORKER_LOG)
    assert made.to_json() == before


def test_another_master_counts_its_own_tasks_and_what_came_after_the_checkpoint_is_forgotten() -> None:
    made = progress()
    made.restart(step=300)
    made.read_master(MASTER_LOG)
    assert len(made.tasks_done) == 4
    assert made.losses == {}
    assert set(made.evaluations) == {200}


def test_the_curve_survives_the_launcher() -> None:
    assert Progress.from_json(progress().to_json()).losses == {401: 2.1286}


@pytest.fixture
def web() -> Iterator[tuple[str, Status]]:
    status: Status = {
        "phase": "training",
        "restarts": 1,
        "progress": progress().to_json(),
        "model": {"perplexity": {"network": 180.5}},
    }
    server = serve(0, lambda: status)
    yield f"http://127.0.0.1:{server.server_address[1]}", status
    server.shutdown()
    server.server_close()


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_web_server_answers_health_status_and_metrics(web: tuple[str, dict[str, Any]]) -> None:
    address, status = web
    assert fetch(f"{address}/healthz") == (200, "ok\n")
    assert fetch(f"{address}/readyz") == (200, "training\n")
    assert json.loads(fetch(f"{address}/status")[1])["progress"]["step"] == 401
    lines = fetch(f"{address}/metrics")[1].splitlines()
    assert 'training_phase{phase="training"} 1' in lines
    assert "training_master_restarts_total 1" in lines
    assert 'model_perplexity{model="network"} 180.5' in lines
    assert fetch(f"{address}/other")[0] == 404
    status["phase"] = "failed"
    assert fetch(f"{address}/readyz")[0] == 503


def test_a_used_port_is_one_line(web: tuple[str, dict[str, Any]]) -> None:
    port = int(web[0].rsplit(":", 1)[1])
    with pytest.raises(SettingsError, match=f"port {port} can't be used"):
        serve(port, dict)
