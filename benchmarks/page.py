"""What the page costs its reader: an edit, a start, the first sight, words to read, what moves.

A real server and a real Chromium. Beside the studio, turn by turn in the same browser, stand two
plain Streamlit pages: an empty one (one numeric editor and its echo) for an edit, and one with a
Plotly chart of the same curve for the first sight. Times are taken in the browser, from the key or
click to the first frame that shows the answer.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.helpers.chromium import chromium

ROOT = Path(__file__).parent.parent
EDITS = 60
STARTS = 8
# How many beats are changed where the words of the dialog are counted, with the most there may be.
WORDS = {2: 60, 5: 90, 15: 150}
STORY = "?story=Tinggi Muka Air"
VISITS = 7

EMPTY = """
import streamlit as st
level = st.number_input("Midpoint", 1, 5, 2)
st.markdown(f"level {level}")
"""
CHART = """
import plotly.graph_objects as go
import streamlit as st
levels = [2, 1, 2, 3, 3, 3, 2, 3, 2, 4, 4, 4, 3, 5, 1]
st.plotly_chart(go.Figure(go.Scatter(y=levels, mode="lines+markers+text")))
"""

# Resolves with the milliseconds from an event to the first frame in which `done` is true.
WATCH = """([kind, key, done]) => {
  const isDone = new Function("return " + done);
  let began;
  const begin = (event) => {
    if (key && event.key !== key) return;
    document.removeEventListener(kind, begin, true);
    began = performance.now();
  };
  document.addEventListener(kind, begin, true);
  window.__measured = new Promise((resolve) => {
    const look = () => {
      if (began === undefined || !isDone()) return;
      observer.disconnect();
      requestAnimationFrame(() => resolve(performance.now() - began));
    };
    const observer = new MutationObserver(look);
    observer.observe(document, {
      subtree: true, childList: true, attributes: true, characterData: true,
    });
  });
}"""
# The same from the beginning of the navigation; runs before any script of the page.
VISIT = """
window.__seen = new Promise((resolve) => {
  const look = () => {
    if (!(DONE)) return;
    observer.disconnect();
    requestAnimationFrame(() => resolve(performance.now()));
  };
  const observer = new MutationObserver(look);
  observer.observe(document, { subtree: true, childList: true, attributes: true });
});
"""
SLIDER = """document.querySelector('[role=slider][aria-label="Midpoint"]')"""
DRAWN = "document.querySelectorAll('.cascade-plot .textpoint').length === 15"


def main() -> None:
    """Prints every figure, the studio's beside the plain page's."""
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as name, chromium() as browser:
        folder = Path(name)
        with (
            serving(folder, "app.py", ROOT) as studio,
            serving(folder, write(folder, "empty.py", EMPTY), folder) as empty,
            serving(folder, write(folder, "chart.py", CHART), folder) as chart,
        ):
            measure_edits(browser, f"{studio}/{STORY}", empty)
            measure_words(browser, f"{studio}/{STORY}")
            measure_starts(browser, f"{studio}/{STORY}", folder)
            measure_shift(browser, f"{studio}/{STORY}")
            measure_visits(browser, f"{studio}/{STORY}", chart)
            measure_long(browser, studio, folder)


def measure_edits(browser: Browser, studio: str, empty: str) -> None:
    """An edit in a numeric editor until curve, banner and editor show it; and its bytes."""
    page, plain = browser.new_page(locale="en-US"), browser.new_page(locale="en-US")
    sent, plain_sent = count_bytes(page), count_bytes(plain)
    page.goto(studio)
    plain.goto(empty)
    page.wait_for_function(DRAWN)
    plain.get_by_role("spinbutton").wait_for()
    times: list[float] = []
    keys: list[float] = []
    plain_times: list[float] = []
    volumes: list[int] = []
    plain_volumes: list[int] = []
    for turn in range(EDITS + 2):
        level = (4, 5, 3)[turn % 3]
        shown = (
            "document.querySelectorAll('.cascade-plot .textpoint')[8]"
            f".textContent === '{level}' && "
            f"{SLIDER}.getAttribute('aria-valuenow') === '{level}' && "
            f"document.querySelector('.st-key-state').textContent.includes('→{level})')"
        )
        echoed = f"document.body.innerText.includes('level {level}')"
        before, plain_before = sent[0], plain_sent[0]
        times.append(edit(page, level, shown))
        plain_times.append(edit(plain, level, echoed))
        page.wait_for_timeout(120)
        volumes.append(sent[0] - before)
        plain_volumes.append(plain_sent[0] - plain_before)
        keys.append(press(page, (2, 1)[turn % 2]))
    page.context.close()
    plain.context.close()
    # The first two also warm up what is loaded on demand.
    print_pair("edit -> repainted, ms", times[2:], plain_times[2:])
    print_pair("bytes an edit", volumes[2:], plain_volumes[2:])
    print(f"{'key -> curve repainted, ms':28} {figures(keys[2:])}   in the browser alone")


def edit(page: Page, level: int, shown: str) -> float:
    """Types a level into the editor of Midpoint; milliseconds until it is shown."""
    field = page.get_by_role("spinbutton", name="Midpoint", exact=True)
    field.fill(str(level))
    page.evaluate(WATCH, ["keydown", "Enter", shown])
    field.press("Enter")
    return float(page.evaluate("window.__measured"))


def press(page: Page, level: int) -> float:
    """Moves the point of Setup by a key; milliseconds until the curve shows it."""
    shown = f"document.querySelectorAll('.cascade-plot .textpoint')[2].textContent === '{level}'"
    page.evaluate(WATCH, ["keydown", str(level), shown])
    page.get_by_role("slider", name="Setup", exact=True).press(str(level))
    taken = float(page.evaluate("window.__measured"))
    # The editor commits a little later and is answered; the next edit is not to meet that.
    page.wait_for_timeout(450)
    return taken


def measure_starts(browser: Browser, studio: str, folder: Path) -> None:
    """From the click that confirms to the first step that is seen to be under way."""
    cascade(folder, "credits", "grant", "--user", "editor", "100000")
    page = browser.new_page(locale="en-US")
    page.goto(studio)
    times = []
    for turn in range(STARTS):
        level = (4, 2)[turn % 2]
        page.get_by_role("slider", name="Final Image", exact=True).press(str(level))
        page.get_by_text("Final Image (").first.wait_for()
        page.get_by_role("button", name="Save Tension Levels").click()
        start = page.get_by_role("button", name="Regenerate & Save")
        start.wait_for()
        page.evaluate(WATCH, ["click", "", "document.querySelector('.cascade-steps .generating')"])
        start.click()
        times.append(float(page.evaluate("window.__measured")))
        page.get_by_role("button", name="Close", exact=True).click()
        page.get_by_text("No unsaved tension changes.").wait_for()
    page.context.close()
    print(f"{'confirmed -> first step, ms':28} {figures(times)}   goal 1000")


def measure_visits(browser: Browser, studio: str, chart: str) -> None:
    """From the navigation to the first slider, and to the drawn curve; nothing is cached."""
    sliders, drawn, charts = [], [], []
    for _ in range(VISITS):
        sliders.append(visit(browser, studio, f"{SLIDER}?.style.transform"))
        charts.append(visit(browser, chart, "document.querySelector('.js-plotly-plot .main-svg')"))
        drawn.append(visit(browser, studio, DRAWN))
    print_pair("first slider, ms", sliders, charts)
    print_pair("curve drawn, ms", drawn, charts)


# The words of an element that are seen, one by one; a sign alone is none.
SEEN = """element => {
  const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let words = "";
  while (walk.nextNode()) {
    const { parentElement: around, textContent } = walk.currentNode;
    const isSeen = !around.closest(".cascade-aloud") && around.checkVisibility();
    if (isSeen) words += " " + textContent;
  }
  return words.split(/\\s+/).filter((word) => /[\\p{L}\\p{N}]/u.test(word)).length;
}"""


def measure_words(browser: Browser, studio: str) -> None:
    """How many words the dialog has before anything in it is unfolded."""
    page = browser.new_page(locale="en-US")
    page.goto(studio)
    page.wait_for_function(DRAWN)
    sliders = page.get_by_role("slider")
    for beats, most in WORDS.items():
        page.get_by_role("button", name="Reset", exact=True).click()
        for place in range(beats):
            level = int(sliders.nth(place).get_attribute("aria-valuenow") or 3)
            sliders.nth(place).press(str(level % 5 + 1))
            page.wait_for_timeout(400)
        page.get_by_role("button", name="Save Tension Levels").click()
        page.get_by_role("button", name="Regenerate & Save").wait_for()
        words = page.get_by_role("dialog").evaluate(SEEN)
        print(f"{f'words of the dialog, {beats}':28} {words:7}   goal {most}")
        page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Reset", exact=True).click()
    page.get_by_text("No unsaved tension changes.").wait_for()
    page.context.close()


SHIFT = """window.__shift = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.__shift += one.value;
}).observe({ type: "layout-shift" });"""


def measure_shift(browser: Browser, studio: str) -> None:
    """How much moves by itself from the start of a run to its end, as browsers count it."""
    page = browser.new_page(locale="en-US", viewport={"width": 1366, "height": 768})
    page.goto(f"{studio}&beat=midpoint")
    page.wait_for_function(DRAWN)
    page.get_by_role("slider", name="Finale", exact=True).press("2")
    page.get_by_role("button", name="Save Tension Levels").click()
    page.get_by_role("button", name="Regenerate & Save").wait_for()
    page.evaluate(SHIFT)
    page.get_by_role("button", name="Regenerate & Save").click()
    page.get_by_role("button", name="Review changes").wait_for(timeout=120_000)
    page.wait_for_timeout(1000)
    print(f"{'layout shift of a run':28} {page.evaluate('window.__shift'):7.3f}   goal 0.1")
    page.context.close()


def measure_long(browser: Browser, studio: str, folder: Path) -> None:
    """The first slider and the curve of a story of 1,000 scenes beside the sample's."""
    document = json.loads(cascade(folder, "show", "Tinggi Muka Air", "--json"))
    scene, beats = document["scenes"][0], document["beats"]
    document["title"] = "Long"
    document["scenes"] = [
        {**scene, "number": n, "beatKey": beats[n % len(beats)]["key"]} for n in range(1, 1001)
    ]
    file = folder / "long.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    cascade(folder, "import", str(file))
    long, short = [], []
    for _ in range(VISITS):
        long.append(visit(browser, f"{studio}/?story=Long", DRAWN))
        short.append(visit(browser, f"{studio}/{STORY}", DRAWN))
    print_pair("1,000 scenes drawn, ms", long, short)


def visit(browser: Browser, url: str, done: str) -> float:
    """One first visit; milliseconds from the navigation until `done`."""
    context = browser.new_context(locale="en-US")
    context.add_init_script(VISIT.replace("DONE", done))
    page = context.new_page()
    page.goto(url)
    taken = float(page.evaluate("window.__seen"))
    context.close()
    return taken


def count_bytes(page: Page) -> list[int]:
    """A counter of the bytes in the frames of a page's websockets, both ways."""
    total = [0]

    def add(payload: str | bytes) -> None:
        total[0] += len(payload)

    def listen(socket: object) -> None:
        socket.on("framesent", add)  # type: ignore[attr-defined]
        socket.on("framereceived", add)  # type: ignore[attr-defined]

    page.on("websocket", listen)
    return total


def print_pair(name: str, own: Sequence[float], plain: Sequence[float]) -> None:
    """Both pages' median and p95, and the ratio of the medians."""
    ratio = statistics.median(own) / statistics.median(plain)
    print(f"{name:28} {figures(own)}   plain {figures(plain)}   ratio {ratio:5.2f}")


def figures(values: Sequence[float]) -> str:
    """Median and 95th percentile."""
    p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
    return f"median {statistics.median(values):7.0f} p95 {p95:7.0f}"


@contextmanager
def serving(folder: Path, script: str, home: Path) -> Iterator[str]:
    """A Streamlit server for the block; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port)]
    command += ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            command, cwd=home, env=environment(folder), stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def environment(folder: Path) -> dict[str, str]:
    """A database of the benchmark's own, and the offline writer."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CASCADE_", "OPENAI_"))}
    database = f"sqlite:///{folder}/bench.db"
    return {
        **kept,
        "CASCADE_DATABASE_URL": database,
        "CASCADE_PROVIDER": "offline",
        "CASCADE_OFFLINE_DELAY_MS": "600",
    }


def cascade(folder: Path, *arguments: str) -> str:
    """Runs the command line on the benchmark's database; what it prints."""
    command = [sys.executable, "-m", "cascade", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(folder), check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def write(folder: Path, name: str, code: str) -> str:
    """Writes a plain page; its path."""
    (folder / name).write_text(code, encoding="utf-8")
    return str(folder / name)


if __name__ == "__main__":
    main()
