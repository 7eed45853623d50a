"""The status page in a real browser (headless Chromium), of a cloud with simulated clusters on loopback.

What the page is told (the JSON) and how a real cluster is read is covered under tests/unit/sandbox/cloud.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from sandbox.toolchain import binary
from tests.sandbox.status_page_cloud import HOSTILE, IMAGE, PageWorld, page_world

pytestmark = pytest.mark.sandbox

SECTIONS = (
    *("Clock", "Active faults", "Regions", "Nodes", "Pods"),
    *("Resources", "Recent calls", "Not emulated, but asked for"),
)
PHONE, DESKTOP = ViewportSize(width=360, height=740), ViewportSize(width=1280, height=900)
on_each_screen = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
WAIT_MILLISECONDS = 10_000
LOWEST_CONTRAST = 4.5
"""WCAG 2.2, level AA, for text of the usual size."""

CONTRASTS = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [red, green, blue] = channels(color).map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return channels(color)[3] === 0 ? ground(element.parentElement) : color;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((a, b) => b - a);
    found.push([(one + 0.05) / (other + 0.05), walker.currentNode.data]);
  }
  return found;
}"""
"""Each visible text with the contrast of its colour to what it stands on, by WCAG's formula."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageWorld]:
    with page_world(tmp_path_factory.mktemp("cloud")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(binary("chromium")))
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console said."""
    return []


@pytest.fixture
def size() -> ViewportSize:
    return DESKTOP


@pytest.fixture
def page(cloud: PageWorld, browser: Browser, complaints: list[str], size: ViewportSize) -> Iterator[Page]:
    page = browser.new_page(viewport=size)
    page.set_default_timeout(WAIT_MILLISECONDS)
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(cloud.url)
    expect(page.locator("#state")).to_have_text("running")
    yield page
    page.close()


@on_each_screen
def test_every_section_is_there_and_says_what_goes_on(page: Page, complaints: list[str]) -> None:
    assert page.locator("h2").all_inner_texts() == list(SECTIONS)
    for table, text in (
        ("Active faults", "error ServiceUnavailable, 30% of calls, at most 2 times"),
        ("Regions", "cn-shanghai China (Shanghai)"),
        ("Node pools", "scales 3 to 6"),
        ("Nodes", "NodeStatusUnknown"),
        ("Nodes", "simulated"),
        ("Pods by namespace and phase", "qa"),
        ("Not well, or not there yet", "worker: CrashLoopBackOff"),
        ("Not well, or not there yet", "3 Insufficient nvidia.com/gpu"),
        ("Volumes", "cn-hangzhou-h"),
        ("Resources by service", "dns domain 1"),
        ("Recent calls, newest first", "InvalidCidrBlock: Specified CIDR block '1.2.3.4/99' is not valid"),
        ("Actions and parameters that the emulator does not know", "Vpc.DescribeVpcs.Surprise"),
    ):
        expect(page.get_by_role("table", name=table, exact=True)).to_contain_text(text)
    expect(page.locator("#clock")).to_contain_text("2026-01-02 03:04:05 UTC")
    assert complaints == []


def test_nothing_needs_scrolling_sideways_at_any_width(page: Page) -> None:
    for width in (320, 360, 480, 600, 768, 900, 1024, 1280, 1920):
        page.set_viewport_size(ViewportSize(width=width, height=800))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cut = "[...document.querySelectorAll('td span, th')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
        assert page.evaluate(f"{cut}.map((one) => one.textContent)") == [], width


@on_each_screen
def test_every_text_has_contrast_in_both_schemes(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate(CONTRASTS)
        assert len(found) > 100
        assert [text for text in found if text[0] < LOWEST_CONTRAST] == []


@on_each_screen
def test_hostile_names_are_shown_and_harm_nothing(page: Page, complaints: list[str]) -> None:
    for text in (HOSTILE, IMAGE):
        expect(page.get_by_text(text).first).to_be_visible()
    assert page.locator("main script, main img").count() == 0
    assert page.title() == "Sandbox cloud"
    assert complaints == []


def test_only_failed_calls_can_be_asked_for(page: Page) -> None:
    calls = page.get_by_role("table", name="Recent calls, newest first")
    expect(calls).to_contain_text("Alidns.AddDomain")
    page.get_by_label("only those that failed").check()
    expect(calls).not_to_contain_text("Alidns.AddDomain")
    expect(calls.locator("tbody tr")).to_have_count(2)


def test_the_same_call_again_and_again_is_one_row(page: Page, cloud: PageWorld) -> None:
    for _ in range(3):
        cloud.world.rpc("Kms", "ListKeys")
    row = page.get_by_role("row").filter(has_text="Kms.ListKeys")
    expect(row).to_contain_text("3 times")
    expect(row).to_have_count(1)


def test_what_happens_is_shown_without_loading_the_page_again(page: Page, cloud: PageWorld) -> None:
    cloud.add_fault(name="while-somebody-looks", service="Kms", reset=True)
    expect(page.get_by_role("table", name="Active faults")).to_contain_text("while-somebody-looks")


def test_a_cloud_that_does_not_answer_is_said_so_and_found_again(page: Page) -> None:
    page.route("**/status", lambda route: route.abort())
    alarm = page.get_by_role("alert")
    expect(alarm).to_contain_text("The cloud does not answer")
    expect(alarm).to_contain_text("python -m sandbox up")
    expect(page.locator("#age")).to_contain_text("as of")
    page.unroute("**/status")
    expect(alarm).to_be_hidden()
    expect(page.locator("#state")).to_have_text("running")


def test_a_person_needs_no_mouse(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('nav') !== null")
    page.get_by_label("only those that failed").focus()
    page.keyboard.press("Space")
    assert page.get_by_label("only those that failed").is_checked()


def test_the_pages_files_are_small(cloud: PageWorld) -> None:
    files = (Path(__file__).parents[2] / "sandbox" / "cloud" / "control" / "page").iterdir()
    assert sum(file.stat().st_size for file in files) < 40_000
