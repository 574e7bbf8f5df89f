// The drawing is Plotly's; over every point lies a handle, which is the slider one moves.
// What is shown is Python's levels and, over them, own edits that Python has not acknowledged yet:
// so nothing jumps back while an edit is under way, and afterwards Python's word counts.
// The scales are computed here, so that the handles work before the drawing is there, or without it.

const HEIGHT = 340;
const KEYBOARD_PAUSE_MS = 180;
// After so long without an answer an edit is sent again; a slow server takes it once all the same.
const UNANSWERED_MS = 4000;
const LEVELS = [1, 2, 3, 4, 5];
const LEAST_LEVEL = 0.6;
const MOST_LEVEL = 5.4;

const loadPlotly = (url) =>
  (window.__cascadePlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      window.__cascadePlotly = undefined;
      reject(new Error(url));
    };
    document.head.appendChild(script);
  }));

// The browser's own: React replaces a field's `value`, and would take such a change for its own.
const setValue = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
const clamp = (value) => Math.max(1, Math.min(5, Math.round(value)));
const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function element(tag, className, textContent = "") {
  return Object.assign(document.createElement(tag), { className, textContent });
}

// A long label on several lines, none wider than `most` characters where words allow it.
const wrap = (label, most) =>
  label
    .split(" ")
    .reduce((lines, word) => {
      const last = lines[lines.length - 1];
      if (last !== undefined && (last + " " + word).length <= most) lines[lines.length - 1] = last + " " + word;
      else lines.push(word);
      return lines;
    }, [])
    .join("<br>");

function colours(of) {
  const style = getComputedStyle(of);
  const named = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  return {
    paper: named("--st-background-color", "#fff"),
    ink: named("--st-text-color", "#222"),
    line: named("--st-border-color", "#ccc"),
    quiet: named("--st-gray-color", "#777"),
    warm: named("--st-orange-color", "#b4471a"),
    cool: named("--st-blue-color", "#1b6390"),
    font: named("--st-font", "sans-serif"),
  };
}

class Curve {
  constructor(root) {
    this.root = root;
    this.legend = root.querySelector(".cascade-legend");
    this.stage = root.querySelector(".cascade-stage");
    this.plot = root.querySelector(".cascade-plot");
    this.layer = root.querySelector(".cascade-handles");
    this.about = root.querySelector(".cascade-about");
    this.unsent = new Map(); // beat key -> level, not sent yet
    this.sent = new Map(); // beat key -> {level, count}, sent and not acknowledged yet
    this.count = 0;
    this.dragged = null;
    this.told = null; // the beat that is being told of
    this.timer = null;
    this.unanswered = null;
    this.width = 0;
    this.resized = new ResizeObserver(() => {
      if (Math.abs(this.root.clientWidth - this.width) > 1) this.draw();
    });
    this.resized.observe(root);
    // Wherever the focus is: a point that is being dragged is the pointer's.
    this.escape = (event) => {
      if (event.key !== "Escape" || this.dragged === null) return;
      event.preventDefault();
      event.stopPropagation();
      this.putBack();
    };
    window.addEventListener("keydown", this.escape, true);
    // Before the field hears of it itself, which would keep such a number and say so in English.
    this.typed = (event) => (event.type === "focusout" || event.key === "Enter") && this.checkField(event.target);
    for (const type of ["keydown", "focusout"]) window.addEventListener(type, this.typed, true);
    // The theme follows the system's at any time; the new colours are there a moment later.
    this.scheme = window.matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => setTimeout(() => this.draw(), 300);
    this.scheme.addEventListener("change", this.recolour);
  }

  update(data, send, refuse) {
    this.send = send;
    this.refuse = refuse;
    this.data = data;
    this.count = Math.max(this.count, data.acknowledged);
    for (const [key, edit] of this.sent) if (edit.count <= data.acknowledged) this.sent.delete(key);
    if (!this.sent.size) clearTimeout(this.unanswered);
    this.draw();
  }

  level(beat) {
    return this.unsent.get(beat.key) ?? this.sent.get(beat.key)?.level ?? beat.level;
  }

  move(beat, level) {
    if (!this.data.enabled || level === this.level(beat)) return;
    this.unsent.set(beat.key, level);
    this.draw();
  }

  // What is typed into a numeric editor and is no level gives way to the level of the curve.
  checkField(field) {
    if (!(field instanceof HTMLInputElement) || field.type !== "number" || field.disabled) return;
    const beat = this.data.beats.find(({ key }) => field.closest(`.st-key-number-${CSS.escape(key)}`));
    if (!beat || LEVELS.includes(Number.parseInt(field.value, 10))) return;
    setValue.call(field, String(this.level(beat)));
    field.dispatchEvent(new Event("input", { bubbles: true }));
    this.refused = (this.refused ?? 0) + 1;
    this.refuse({ beat: beat.key, count: this.refused });
  }

  // The point that is being dragged is back where it was, and nobody hears of it.
  putBack() {
    this.unsent.delete(this.data.beats[this.dragged].key);
    this.dragged = null;
    this.draw();
  }

  commit() {
    clearTimeout(this.timer);
    this.timer = null;
    if (!this.unsent.size) return;
    this.count += 1;
    for (const [key, level] of this.unsent) this.sent.set(key, { level, count: this.count });
    this.unsent.clear();
    this.transmit();
  }

  transmit() {
    // Everything unacknowledged goes along: of two edits in quick succession Python may see one.
    // Each carries its count, so that one which Python has had already is not taken twice.
    const edits = [...this.sent].map(([beat, edit]) => ({ beat, ...edit }));
    this.send({ edits, count: this.count });
    // A page that is still loading, or a connection that comes back, may lose what it is given.
    clearTimeout(this.unanswered);
    this.unanswered = setTimeout(() => this.sent.size && this.transmit(), UNANSWERED_MS);
  }

  // Everything that follows from the width: margins, and the places of beats and levels.
  measure() {
    this.width = this.root.clientWidth;
    const { beats } = this.data;
    const narrow = this.width < 640;
    const margin = { l: narrow ? 58 : 96, r: narrow ? 6 : 16, t: 26 };
    const room = (this.width - margin.l - margin.r) / (beats.length + 0.2);
    const flat = room >= 58;
    margin.b = flat ? 58 : 112;
    const size = Math.max(15, Math.min(24, room - 4));
    const tall = HEIGHT - margin.t - margin.b;
    this.shape = {
      narrow, margin, room, flat, size,
      x: (index) => margin.l + (index + 0.6) * room,
      y: (level) => margin.t + ((MOST_LEVEL - level) / (MOST_LEVEL - LEAST_LEVEL)) * tall,
      levelAt: (y) => MOST_LEVEL - ((y - margin.t) / tall) * (MOST_LEVEL - LEAST_LEVEL),
    };
  }

  async draw() {
    const { data, plot, root, stage } = this;
    if (!data || !root.isConnected || !root.clientWidth) return;
    this.measure();
    this.place();
    this.explain();
    let Plotly;
    try {
      Plotly = window.Plotly?.react && window.__cascadePlotly ? window.Plotly : await loadPlotly(data.plotly);
    } catch {
      plot.replaceChildren(element("p", "cascade-failed", data.texts.failed));
      return;
    }
    if (!root.isConnected) return;
    await Plotly.react(plot, this.traces(), this.layout(), { displayModeBar: false, staticPlot: true });
    stage.classList.add("drawn");
  }

  traces() {
    const { beats, before, running } = this.data;
    const look = colours(this.root);
    const at = beats.map((_, index) => index);
    const levels = beats.map((beat) => this.level(beat));
    const tone = (index) =>
      levels[index] > beats[index].saved ? look.warm : levels[index] < beats[index].saved ? look.cool : look.ink;
    const pulls = (colour, chosen) => {
      const x = [], y = [];
      at.filter(chosen).forEach((index) => {
        x.push(index, index, null);
        y.push(beats[index].saved, levels[index], null);
      });
      return { x, y, mode: "lines", line: { color: colour, width: 5 }, opacity: 0.55 };
    };
    const { size } = this.shape;
    const faint = { mode: "lines+markers", line: { dash: "dot", color: look.quiet, width: 1.5 }, marker: { size: 6, color: look.quiet } };
    const legend = { saved: false, rising: false, falling: false, pending: false, target: false, before: false };
    for (const index of at) {
      if (levels[index] > beats[index].saved) legend.rising = true;
      if (levels[index] < beats[index].saved) legend.falling = true;
    }
    legend.saved = legend.rising || legend.falling;
    legend.pending = legend.saved && !running;
    legend.target = legend.saved && running;
    legend.before = !legend.saved && !!before;
    this.tell(legend);
    return [
      { x: at, y: legend.before ? before : beats.map((beat) => beat.saved), ...faint },
      pulls(look.warm, (index) => levels[index] > beats[index].saved),
      pulls(look.cool, (index) => levels[index] < beats[index].saved),
      {
        x: at, y: levels, mode: "lines+markers+text", text: levels.map(String),
        textfont: { color: look.paper, size: size > 20 ? 12 : 10, weight: 600 }, line: { color: look.ink, width: 2.5 },
        marker: { size, color: at.map(tone), line: { color: look.paper, width: 2 } },
      },
    ];
  }

  tell(legend) {
    const shown = Object.keys(legend).filter((name) => legend[name]);
    const told = shown.map((name) => `${name}:${this.data.texts[name]}`).join();
    if (this.legend.dataset.told === told) return;
    this.legend.dataset.told = told;
    this.legend.replaceChildren(...shown.map((name) => element("li", name, this.data.texts[name])));
  }

  layout() {
    const { beats, texts, acts } = this.data;
    const { narrow, margin, room, flat } = this.shape;
    const look = colours(this.root);
    const quiet = { color: look.quiet, size: narrow ? 10 : 11 };
    return {
      height: HEIGHT, width: this.width, font: { family: look.font, color: look.ink, size: 12 }, margin: { ...margin, pad: 0 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, showlegend: false,
      shapes: acts.slice(1).map((act) => ({
        type: "line", x0: act.from - 0.5, x1: act.from - 0.5, y0: 0, y1: 1.07, yref: "paper", layer: "below",
        line: { color: look.quiet, width: 1, dash: "dash" },
      })),
      annotations: acts.map((act) => ({
        x: act.from - 0.5, y: 1, yref: "paper", xanchor: "left", yanchor: "bottom", showarrow: false, text: act.name, font: quiet,
      })),
      xaxis: {
        range: [-0.6, beats.length - 0.4], fixedrange: true, showgrid: false, zeroline: false, automargin: false,
        tickvals: beats.map((_, index) => index), tickangle: flat ? 0 : -90, tickfont: { size: narrow ? 10 : 11 },
        ticktext: beats.map((beat) => (flat ? wrap(beat.label, Math.max(8, Math.floor(room / 6.2))) : wrap(beat.label, 18))),
      },
      yaxis: {
        range: [LEAST_LEVEL, MOST_LEVEL], fixedrange: true, zeroline: false, automargin: false, gridcolor: look.line, tickvals: LEVELS,
        tickfont: quiet, ticktext: LEVELS.map((level) => wrap(`${level} ${texts.levels[level - 1]}`, narrow ? 10 : 18)),
      },
    };
  }

  place() {
    const { beats, texts, enabled } = this.data;
    const { size, room, x, y } = this.shape;
    const names = beats.map((beat) => beat.key).join();
    if (this.layer.dataset.beats !== names) {
      this.layer.dataset.beats = names;
      this.layer.replaceChildren(...beats.map((_, index) => this.handle(index)));
    }
    this.layer.setAttribute("role", "group");
    this.layer.setAttribute("aria-label", texts.name);
    // As wide as there is room and taller than it looks: it has to be hit with a thumb.
    const wide = Math.min(Math.max(size + 6, 24), room), tall = Math.max(size + 6, 34);
    beats.forEach((beat, index) => {
      const level = this.level(beat);
      const handle = this.layer.children[index];
      Object.assign(handle.style, {
        width: `${wide}px`, height: `${tall}px`,
        transform: `translate(${x(index) - wide / 2}px, ${y(level) - tall / 2}px)`,
      });
      handle.style.setProperty("--cascade-ring", `${size + 4}px`);
      handle.className = `cascade-handle ${beat.state ?? ""}`;
      handle.setAttribute("aria-label", beat.label);
      handle.setAttribute("aria-description", beat.job);
      handle.setAttribute("aria-valuenow", level);
      handle.setAttribute("aria-valuetext", this.words(beat));
      handle.setAttribute("aria-disabled", String(!enabled));
    });
  }

  words(beat) {
    const { texts } = this.data;
    const level = this.level(beat);
    const words = fill(level === beat.saved ? texts.value : texts.changed, { level, name: texts.levels[level - 1], saved: beat.saved });
    return beat.state ? `${words}. ${texts[beat.state]}` : words;
  }

  // What is said above the curve of the beat that is pointed at or focused: its level and its job.
  // No bubble at the point: that would lie over the curve that is being bent.
  explain() {
    const beat = this.data.beats[this.told ?? -1];
    if (!beat) return this.about.replaceChildren(this.data.texts.help);
    const name = element("b", "", beat.label);
    this.about.replaceChildren(name, ` · ${this.words(beat)} `, element("span", "", beat.job));
  }

  show(index) {
    this.told = index;
    this.explain();
  }

  hide(index) {
    if (this.told === index && this.dragged !== index) this.show(null);
  }

  handle(index) {
    const handle = element("div", "cascade-handle");
    const beat = () => this.data.beats[index];
    handle.tabIndex = 0;
    const fixed = { role: "slider", "aria-valuemin": 1, "aria-valuemax": 5, "aria-orientation": "vertical" };
    for (const [name, value] of Object.entries(fixed)) handle.setAttribute(name, value);
    handle.addEventListener("pointerenter", () => this.dragged === null && this.show(index));
    handle.addEventListener("pointerleave", () => this.hide(index));
    handle.addEventListener("focus", () => this.show(index));
    handle.addEventListener("pointerdown", (event) => {
      if (!this.data.enabled || event.button !== 0) return;
      // What the keyboard has done goes first: it is no part of what Escape takes back.
      this.commit();
      handle.setPointerCapture(event.pointerId);
      this.dragged = index;
    });
    handle.addEventListener("pointermove", (event) => {
      if (this.dragged !== index) return;
      this.move(beat(), clamp(this.shape.levelAt(event.clientY - this.stage.getBoundingClientRect().top)));
    });
    const drop = () => {
      if (this.dragged !== index) return;
      this.dragged = null;
      this.commit();
    };
    handle.addEventListener("pointerup", drop);
    handle.addEventListener("pointercancel", drop);
    handle.addEventListener("blur", () => {
      this.hide(index);
      // A drag ends where the pointer is let go, wherever the focus is meanwhile.
      if (this.dragged !== index) this.commit();
    });
    handle.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape") return this.show(null);
      const level = this.level(beat());
      const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 };
      let next;
      if (event.key in steps) next = clamp(level + steps[event.key]);
      else if (event.key === "Home") next = 1;
      else if (event.key === "End") next = 5;
      else if (/^[1-5]$/.test(event.key)) next = Number(event.key);
      else return;
      event.preventDefault();
      this.move(beat(), next);
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.commit(), KEYBOARD_PAUSE_MS);
    });
    return handle;
  }

  remove() {
    if (this.dragged === null) this.commit();
    clearTimeout(this.unanswered);
    window.removeEventListener("keydown", this.escape, true);
    for (const type of ["keydown", "focusout"]) window.removeEventListener(type, this.typed, true);
    this.resized.disconnect();
    this.scheme.removeEventListener("change", this.recolour);
    if (window.Plotly) window.Plotly.purge(this.plot);
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".cascade-curve");
  const curve = (root.__cascadeCurve ??= new Curve(root));
  curve.update(data, (edit) => setTriggerValue("edit", edit), (typed) => setTriggerValue("refused", typed));
  return () => {
    // Called before every update too; only a root that has left the page is done with.
    setTimeout(() => {
      if (root.isConnected) return;
      curve.remove();
    }, 0);
  };
}
