// What Streamlit does not do for the page: say its language, remember the one that was chosen, and
// speak up for those who listen. A live region is heard only when its words change.

// A link within the page goes where it leads without loading the page anew, as Back does; with a
// key held it opens elsewhere, as any link.
window.__cascadeGo ??= (() => {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.cascade-go");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    window.dispatchEvent(new PopStateEvent("popstate"));
  });
  return true;
})();

// What is ordered with a button is ordered once: the second click of a double one comes before the
// page says that it was. Steppers, and ways to what comes next, take as many as they are given.
window.__cascadeOnce ??= (() => {
  const orders = "button[data-testid$='FormSubmit'], button[data-testid='stBaseButton-primary'], [class*='st-key-accept-'] button, .st-key-decline button";
  document.addEventListener("click", (event) => event.detail > 1 && event.target.closest?.(orders) && event.stopPropagation(), true);
  return true;
})();

// While a run is at work the window's title counts its steps: as long as a part of the page that
// says so is there. Streamlit sets a title of its own with every draw.
const titles = (window.__cascadeTitle ??= { own: "", held: "", watch: null });
function holdTitle() {
  const wanted = [...document.querySelectorAll(".cascade-live[data-title]")].pop()?.dataset.title ?? "";
  if (document.title !== titles.held) titles.own = document.title;
  titles.held = wanted;
  if (document.title !== (wanted || titles.own)) document.title = wanted || titles.own;
}
titles.watch ??= (() => {
  const watch = new MutationObserver(holdTitle);
  watch.observe(document.head, { childList: true, subtree: true, characterData: true });
  return watch;
})();

// The parts of the page by role and name. Streamlit draws a part anew at any time, without them.
const parts = (window.__cascadeParts ??= { regions: new Map(), names: new Map(), watch: null, waiting: false });
function nameParts() {
  parts.waiting = false;
  for (const [selector, name] of parts.names) {
    const part = document.querySelector(selector);
    if (part && part.getAttribute("aria-label") !== name) part.setAttribute("aria-label", name);
  }
  for (const [key, { role, name }] of parts.regions) {
    const part = document.querySelector(`.st-key-${CSS.escape(key)}`);
    if (!part || (part.getAttribute("role") === role && part.getAttribute("aria-label") === name)) continue;
    part.setAttribute("role", role);
    part.setAttribute("aria-label", name);
    // What scrolls by itself can be scrolled by keyboard, whatever is in it.
    if (["auto", "scroll"].includes(getComputedStyle(part).overflowY)) part.tabIndex = 0;
  }
}
parts.watch ??= (() => {
  const watch = new MutationObserver(() => {
    if (parts.waiting) return;
    parts.waiting = true;
    // No frame of the browser's: a tab in the background has none.
    setTimeout(() => (nameParts(), holdTitle()), 20);
  });
  watch.observe(document.body, { childList: true, subtree: true });
  return watch;
})();

// What had the keyboard may be gone after a draw, or be pressed no more. It is not lost then: the same
// in its new form has it, else the part of the page that it stood in. For a moment is enough: what a
// draw moves to another place, or switches off and on, is there afterwards and has lost it.
const kept = (window.__cascadeKept ??= { last: null, keys: [], wasAsked: false, wasLost: false, timer: null, watch: null });
function isNowhere() {
  const { activeElement } = document;
  return !activeElement || activeElement === document.body || activeElement.disabled;
}
function noteLoss(changes) {
  if (!kept.last || kept.wasLost || !isNowhere()) return;
  const wasTaken = ({ removedNodes }) => [...removedNodes].some((node) => node.contains(kept.last));
  kept.wasLost = kept.last.disabled || changes.some(wasTaken);
}
function keep() {
  if (!isNowhere() || !kept.last || document.querySelector("[role='dialog']")) return;
  const isGone = !kept.last.isConnected || kept.last.disabled;
  if (!isGone && !kept.wasAsked && !kept.wasLost) return;
  const [own] = kept.keys;
  const again = own && document.querySelector(`.${CSS.escape(own)} :is(button, input, textarea):enabled`);
  // A field that the page wrote into is another one of the same name.
  const name = kept.last.getAttribute("aria-label");
  const namesake = name && [...document.querySelectorAll(`${kept.last.tagName}:enabled`)].find((one) => one.getAttribute("aria-label") === name);
  const around = kept.keys.map((key) => document.querySelector(`.${CSS.escape(key)}`)).find((part) => part?.getAttribute("role"));
  const to = isGone ? (again ?? namesake ?? around) : kept.last;
  if (!to) return;
  if (to === around && !to.hasAttribute("tabindex")) to.tabIndex = -1;
  to.focus({ preventScroll: true });
}
kept.watch ??= (() => {
  document.addEventListener("focusin", ({ target }) => {
    // A dialog goes away as a whole: what counts is where it was opened.
    kept.wasAsked = !!target.closest("[role='dialog']");
    if (kept.wasAsked) return;
    kept.wasLost = false;
    kept.last = target;
    kept.keys = [];
    for (let part = target; part; part = part.parentElement) {
      kept.keys.push(...[...part.classList].filter((name) => name.startsWith("st-key-")));
    }
  });
  // Whoever clicks beside everything wants the keyboard nowhere.
  document.addEventListener("pointerdown", () => (kept.last = null), true);
  const watch = new MutationObserver((changes) => {
    noteLoss(changes);
    clearTimeout(kept.timer);
    kept.timer = setTimeout(keep, 150);
  });
  watch.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
  return watch;
})();

// Brings a part of the page to the reader, once for each time it is asked.
const brought = (window.__cascadeBrought ??= new Map());
function bring(by, { to, time, how }) {
  if (brought.get(by) === time) return;
  brought.set(by, time);
  // A moment later: it may be drawn after this.
  setTimeout(() => {
    const part = document.querySelector(to);
    if (!part) return;
    if (how === "top") return part.scrollTo({ top: 0, behavior: "instant" });
    if (how === "focus") {
      if (document.querySelector("[role='dialog']")) return;
      part.tabIndex = -1;
      return part.focus({ preventScroll: true });
    }
    // In its own pane alone: the frame around it stays, or where the page scrolls, so does its reader.
    const pane = part.closest(".st-key-outline, .st-key-pane");
    if (!pane || pane.scrollHeight <= pane.clientHeight) return how === "scroll" && part.scrollIntoView();
    const [inside, around] = [part.getBoundingClientRect(), pane.getBoundingClientRect()];
    const isSeen = inside.top >= around.top && inside.bottom <= around.bottom;
    if (how === "nearest" && isSeen) return;
    const over = how === "nearest" ? around.height / 3 : 12;
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    pane.scrollBy({ top: inside.top - around.top - over, behavior: calm ? "instant" : "smooth" });
  }, 200);
}

// When the server is away: our own words in place of the bar, which would tell of old times. Streamlit
// comes back by itself, and so does what is behind them.
const AWAY_MS = 1500;
const away = (window.__cascadeAway ??= { words: "", timer: null, shown: null, watch: null });
function lookAway() {
  const state = document.querySelector("[data-testid='stApp']")?.dataset.testConnectionState;
  const isAway = !!state && state !== "CONNECTED" && state !== "INITIAL";
  if (!isAway) {
    clearTimeout(away.timer);
    away.timer = null;
    away.shown?.remove();
    away.shown = null;
    delete document.documentElement.dataset.cascadeAway;
  } else if (!away.timer && !away.shown) {
    away.timer = setTimeout(() => {
      away.timer = null;
      away.shown = Object.assign(document.createElement("div"), { className: "cascade-away", textContent: away.words });
      away.shown.setAttribute("role", "alert");
      away.shown.style.fontFamily = getComputedStyle(document.querySelector("[data-testid='stApp']")).fontFamily;
      document.body.appendChild(away.shown);
      document.documentElement.dataset.cascadeAway = "";
    }, AWAY_MS);
  }
}
away.watch ??= (() => {
  const watch = new MutationObserver(lookAway);
  watch.observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-test-connection-state"] });
  return watch;
})();

// Keys that press a button of ours, or lead to a field, wherever one reads, as long as nothing is typed.
window.__cascadeKeys ??= (() => {
  const places = {
    j: ".st-key-review-next button", k: ".st-key-review-before button", "/": ".st-key-find input",
  };
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("[role='dialog']")) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable='true']")) return;
    const place = places[event.key] && document.querySelector(places[event.key]);
    if (!place || place.disabled) return;
    event.preventDefault();
    if (place.matches("button")) place.click();
    else (place.focus(), place.select());
  });
  return true;
})();

// Who has signed in, in all tabs of the browser. The way to the provider and back ends at the first
// page: what was asked for before is kept for a while, where the server reads it as somebody comes in.
const WHO = "cascade-who", TRIED = "cascade-tried";
function keepWanted(wanted, seconds) {
  document.cookie = `cascade-wanted=${encodeURIComponent(wanted)}; path=/; max-age=${seconds}; SameSite=Lax`;
}
function welcome(who) {
  if (!who) {
    if (location.search) keepWanted(location.search, 600);
    // Whoever comes back from the provider to the door is told; a moment later: it is drawn after this.
    if (sessionStorage.getItem(TRIED)) setTimeout(() => document.querySelector(".cascade-door-failed")?.removeAttribute("hidden"), 300);
    window.__cascadeTries ??= document.addEventListener("click", ({ target }) => target.closest?.(".st-key-door button") && sessionStorage.setItem(TRIED, "1")) ?? true;
  } else {
    sessionStorage.removeItem(TRIED);
    keepWanted("", 0);
  }
  if (localStorage.getItem(WHO) !== who) localStorage.setItem(WHO, who);
  window.__cascadeWho ??= window.addEventListener("storage", ({ key, newValue }) => key === WHO && newValue !== null && location.reload()) ?? true;
}

function preload(href) {
  if ([...document.querySelectorAll("link[rel='preload'], link[rel='modulepreload']")].some((one) => one.href === href)) return;
  const link = document.createElement("link");
  // Which of both it is follows from who asks for it later: a script element, or an import.
  Object.assign(link, href.includes("/plotly-") ? { rel: "preload", as: "script" } : { rel: "modulepreload" });
  link.href = href;
  document.head.appendChild(link);
}

export default function ({ data, parentElement }) {
  const { language, cookie, remember } = data;
  document.documentElement.lang = language;
  if (remember && !document.cookie.split("; ").includes(`${cookie}=${language}`)) {
    document.cookie = `${cookie}=${language}; path=/; max-age=31536000; SameSite=Lax`;
  }
  // What is seen and heard at once needs no second copy of its words.
  // A moment later: it may be drawn after this.
  if (data.aloud) setTimeout(() => document.querySelector(data.aloud)?.setAttribute("role", "status"), 100);
  away.words = data.away;
  if (data.who !== null) welcome(data.who);
  for (const url of data.preload) preload(new URL(url, document.baseURI).href);
  for (const [key, region] of Object.entries(data.regions ?? {})) parts.regions.set(key, region);
  for (const [selector, called] of Object.entries(data.names ?? {})) parts.names.set(selector, called);
  if (data.regions || data.names) nameParts();
  if (data.bring) bring(data.name, data.bring);
  const live = parentElement.querySelector(".cascade-live");
  if (data.title) live.dataset.title = data.title;
  else delete live.dataset.title;
  holdTitle();
  const say = () => live.textContent !== data.say && (live.textContent = data.say);
  // What a region says when it comes is not heard; what it says a moment later is.
  if (live.dataset.isThere) say();
  else setTimeout(say, 300);
  live.dataset.isThere = "";
}
