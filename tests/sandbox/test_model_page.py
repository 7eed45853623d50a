"""The page to try a model on, in a real browser (headless Chromium), served by the real server on loopback.

What the endpoints answer is covered under tests/unit/trainer/serving.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from sandbox.paths import REPOSITORY
from sandbox.toolchain import binary

pytestmark = pytest.mark.sandbox

TRAINER = REPOSITORY / ".venv-trainer" / "bin" / "python"
PHONE, DESKTOP = ViewportSize(width=360, height=740), ViewportSize(width=1280, height=900)
FIRST_PORT = 18_420
START_SECONDS = 60.0
TABS = {
    "qa": ["Rank answers", "Score"],
    "textgen": ["Generate", "Score"],
    "chatbot": ["Converse", "Rank answers", "Score"],
    "summarization": ["Summarise", "Score"],
}
MAKE_MODEL = """
import sys
from pathlib import Path
from tests.unit.trainer.models import promote
from trainer.storage.object_store import DirectoryStore
promote(DirectoryStore(Path(sys.argv[1])), "v1")
"""
HOSTILE = "<img src=x onerror=\"document.title='taken over'\">"


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server for each kind of business, all with one model."""
    folder = tmp_path_factory.mktemp("registry")
    subprocess.run([TRAINER, "-c", MAKE_MODEL, folder], cwd=REPOSITORY, check=True, timeout=60)
    processes, found = [], {}
    for port, kind in enumerate(TABS, start=FIRST_PORT):
        settings = {"business": kind, "kind": kind, "region": "cn-hangzhou", "bucket": "none"}
        path = folder / f"{kind}.json"
        path.write_text(json.dumps({**settings, "serving": {"port": port, "drain_seconds": 0}}))
        command = [str(TRAINER), "-m", "trainer", "serve", "--settings", str(path), "--store", str(folder)]
        processes.append(subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL))
        found[kind] = f"http://127.0.0.1:{port}/"
    try:
        for address in found.values():
            _wait_until_ready(address)
        yield found
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            assert process.wait(timeout=30) == 0, "a server told to end ends well"


def _wait_until_ready(address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{address}readyz", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, f"{address} never became ready"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(binary("chromium")))
        yield browser
        browser.close()


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def size(request: pytest.FixtureRequest) -> ViewportSize:
    found: ViewportSize = request.param
    return found


@pytest.fixture
def page(browser: Browser, size: ViewportSize) -> Iterator[Page]:
    """A page whose console must stay silent and that must never need scrolling sideways."""
    complaints: list[str] = []
    page = browser.new_page(viewport=size)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert [text for text in complaints if "422" not in text] == []
    page.close()


def visible(page: Page) -> Page:
    """The panel that is shown."""
    return page.locator("[role=tabpanel]:visible")  # type: ignore[return-value]


@pytest.mark.parametrize("kind", list(TABS))
def test_each_business_is_offered_what_its_server_answers(page: Page, addresses: dict[str, str], kind: str) -> None:
    page.goto(addresses[kind])
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Language model of {kind}")
    expect(page.locator("#about")).to_contain_text("version v1 · 32 words · held-out perplexity 100")
    expect(page.get_by_role("tab")).to_have_text(TABS[kind])


def test_sentences_are_scored_word_by_word(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses["qa"])
    page.get_by_role("tab", name="Score").click()
    panel = visible(page)
    panel.get_by_label("Sentences, one a line").fill("今天天气很好。\n龘")
    panel.get_by_role("button", name="Score").click()
    expect(panel.locator(".item")).to_have_count(2)
    expect(panel.locator(".item").first.locator(".word")).to_have_count(6)
    expect(panel.locator(".word.unknown")).to_contain_text("龘")
    expect(panel.locator(".item").first).to_contain_text("log P -")


def test_answers_are_ranked(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses["qa"])
    panel = visible(page)
    panel.get_by_label("Question").fill("你在北京大学吗")
    panel.get_by_label("Answers, one a line").fill("我吃苹果\n我喜欢北京大学")
    panel.get_by_role("button", name="Rank answers").click()
    expect(panel.locator(".item").first).to_contain_text("我喜欢北京大学")


def test_a_seed_writes_the_same_text_again(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses["textgen"])
    panel = visible(page)
    panel.get_by_label("Prompt").fill("今天")
    panel.get_by_label("Seed").fill("5")
    button = panel.get_by_role("button", name="Generate")
    button.click()
    expect(panel.locator(".item")).to_have_count(3)
    first = panel.locator(".item").all_inner_texts()
    button.click()
    expect(panel.locator(".item")).to_have_count(3)
    assert panel.locator(".item").all_inner_texts() == first


def test_a_conversation_goes_on_and_what_a_person_writes_is_only_text(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses["chatbot"])
    panel = visible(page)
    for count, turn in enumerate(("你好", HOSTILE), start=1):
        panel.get_by_label("You").fill(turn)
        panel.get_by_role("button", name="Converse").click()
        expect(panel.locator(".turn")).to_have_count(2 * count)
    expect(panel.locator(".turn.mine").last).to_have_text(HOSTILE)
    assert page.locator("main img").count() == 0
    assert page.title() == "Language model of chatbot"


def test_a_summary_is_marked_in_its_document(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses["summarization"])
    panel = visible(page)
    panel.get_by_label("Document").fill("北京大学的学生生活很好。今天天气很好!我吃苹果。人民银行在北京。")
    panel.get_by_label("Sentences to choose").fill("2")
    panel.get_by_role("button", name="Summarise").click()
    expect(panel.locator("mark")).to_have_count(2)
    expect(panel.locator(".out")).to_contain_text("2 of 4 sentences")


def test_a_refusal_is_shown_with_its_reason(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses["textgen"])
    panel = visible(page)
    panel.get_by_label("Words at most").fill("100000")
    panel.get_by_role("button", name="Generate").click()
    expect(panel.get_by_role("alert")).to_have_text("max_words: 100000; at most 100 here")


def test_tabs_are_reached_by_keyboard(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses["qa"])
    page.get_by_role("tab", name="Rank answers").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Score")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tab", name="Score")).to_be_focused()


def test_the_policy_lets_nothing_else_run(page: Page, addresses: dict[str, str]) -> None:
    answer = page.goto(addresses["qa"])
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
