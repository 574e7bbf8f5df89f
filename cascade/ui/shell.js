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

// While a run is at work the window's title counts its steps. Streamlit sets a title of its own with
// every draw; it comes back with the end.
const held = (window.__cascadeTitle ??= { own: "", wanted: "", by: null });
held.watch ??= (() => {
  const watch = new MutationObserver(() => {
    if (!held.wanted || document.title === held.wanted) return;
    held.own = document.title;
    document.title = held.wanted;
  });
  watch.observe(document.head, { childList: true, subtree: true, characterData: true });
  return watch;
})();

function holdTitle(title, by) {
  held.by = by;
  if (title === held.wanted) return;
  if (!held.wanted) held.own = document.title;
  held.wanted = title;
  document.title = title || held.own;
}

// Brings a part of the page into view and its heading into focus, once for each time it is asked.
function bring({ to, time }) {
  if (window.__cascadeBrought === time) return;
  window.__cascadeBrought = time;
  // A moment later: it may be drawn after this.
  setTimeout(() => {
    const part = document.querySelector(to);
    const heading = part?.querySelector("h2, h3");
    if (!heading || document.querySelector("[role='dialog']")) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    part.scrollIntoView({ block: "start", behavior: calm ? "instant" : "smooth" });
  }, 200);
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
  if (data.title !== null) holdTitle(data.title, parentElement);
  if (data.bring) bring(data.bring);
  const live = parentElement.querySelector(".cascade-live");
  const say = () => live.textContent !== data.say && (live.textContent = data.say);
  // What a region says when it comes is not heard; what it says a moment later is.
  if (live.dataset.isThere) say();
  else setTimeout(say, 300);
  live.dataset.isThere = "";
  return () => {
    // Called before every update too; the title is given back when nobody holds it any more.
    setTimeout(() => held.by === parentElement && !parentElement.isConnected && holdTitle("", null), 0);
  };
}
