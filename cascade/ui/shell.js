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

export default function ({ data, parentElement }) {
  const { language, cookie, remember } = data;
  document.documentElement.lang = language;
  if (remember && !document.cookie.split("; ").includes(`${cookie}=${language}`)) {
    document.cookie = `${cookie}=${language}; path=/; max-age=31536000; SameSite=Lax`;
  }
  // What is seen and heard at once needs no second copy of its words.
  // A moment later: it may be drawn after this.
  if (data.aloud) setTimeout(() => document.querySelector(data.aloud)?.setAttribute("role", "status"), 100);
  const live = parentElement.querySelector(".cascade-live");
  if (live.textContent !== data.say) live.textContent = data.say;
}
