// The drawing is Plotly's; over every point lies a handle, which is the slider one moves.
// What is shown is Python's levels and, over them, own edits that Python has not acknowledged yet:
// so nothing jumps back while an edit is under way, and afterwards Python's word counts.

const HEIGHT = 340;
const KEYBOARD_PAUSE_MS = 180;

const loadPlotly = (url) =>
  (window.__arcPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      window.__arcPlotly = undefined;
      reject(new Error(url));
    };
    document.head.appendChild(script);
  }));

const clamp = (value) => Math.max(1, Math.min(5, Math.round(value)));

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

function colours(element) {
  const style = getComputedStyle(element);
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
    this.plot = root.querySelector(".arc-plot");
    this.layer = root.querySelector(".arc-handles");
    this.unsent = new Map(); // beat key -> level, not sent yet
    this.sent = new Map(); // beat key -> {level, count}, sent and not acknowledged yet
    this.count = 0;
    this.dragged = null;
    this.timer = null;
    this.width = 0;
    this.resized = new ResizeObserver(() => {
      if (Math.abs(this.root.clientWidth - this.width) > 1) this.draw();
    });
    this.resized.observe(root);
    // The theme follows the system's at any time; the new colours are there a moment later.
    this.scheme = window.matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => setTimeout(() => this.draw(), 300);
    this.scheme.addEventListener("change", this.recolour);
  }

  update(data, send) {
    this.send = send;
    this.data = data;
    this.count = Math.max(this.count, data.acknowledged);
    for (const [key, edit] of this.sent) if (edit.count <= data.acknowledged) this.sent.delete(key);
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

  commit() {
    clearTimeout(this.timer);
    this.timer = null;
    if (!this.unsent.size) return;
    this.count += 1;
    for (const [key, level] of this.unsent) this.sent.set(key, { level, count: this.count });
    this.unsent.clear();
    // Everything unacknowledged goes along: of two edits in quick succession Python may see one.
    // Each carries its count, so that one which Python has had already is not taken twice.
    const edits = [...this.sent].map(([beat, edit]) => ({ beat, ...edit }));
    this.send({ edits, count: this.count });
  }

  async draw() {
    const { data, plot, root } = this;
    if (!data || !root.isConnected) return;
    let Plotly;
    try {
      Plotly = await loadPlotly(data.plotly);
    } catch {
      plot.innerHTML = "";
      plot.appendChild(Object.assign(document.createElement("p"), { className: "arc-failed", textContent: data.texts.failed }));
      return;
    }
    if (!root.isConnected) return;
    this.width = root.clientWidth;
    await Plotly.react(plot, this.traces(), this.layout(), { displayModeBar: false, staticPlot: true });
    this.place();
  }

  traces() {
    const { beats, texts } = this.data;
    const look = colours(this.root);
    const at = beats.map((_, index) => index);
    const levels = beats.map((beat) => this.level(beat));
    const tone = (index) =>
      levels[index] > beats[index].saved ? look.warm : levels[index] < beats[index].saved ? look.cool : look.ink;
    const pulls = (name, colour, chosen) => {
      const x = [], y = [];
      at.filter(chosen).forEach((index) => {
        x.push(index, index, null);
        y.push(beats[index].saved, levels[index], null);
      });
      // A legend entry needs a point; where nothing rises or falls there is none to show.
      return { x: x.length ? x : [null], y: y.length ? y : [null], name, mode: "lines", line: { color: colour, width: 5 }, opacity: 0.55, showlegend: x.length > 0 };
    };
    const size = this.pointSize();
    return [
      { x: at, y: beats.map((beat) => beat.saved), name: texts.saved, mode: "lines+markers", line: { dash: "dot", color: look.quiet, width: 1.5 }, marker: { size: 6, color: look.quiet } },
      pulls(texts.rising, look.warm, (index) => levels[index] > beats[index].saved),
      pulls(texts.falling, look.cool, (index) => levels[index] < beats[index].saved),
      {
        x: at, y: levels, name: texts.pending, mode: "lines+markers+text", text: levels.map(String),
        textfont: { color: look.paper, size: size > 20 ? 12 : 10, weight: 600 }, line: { color: look.ink, width: 2.5 },
        marker: { size, color: at.map(tone), line: { color: look.paper, width: 2 } },
      },
    ];
  }

  layout() {
    const { beats, texts } = this.data;
    const look = colours(this.root);
    const changed = beats.some((beat) => this.level(beat) !== beat.saved);
    const narrow = this.width < 640;
    const room = (this.width - 70) / beats.length;
    const flat = room >= 58;
    return {
      height: HEIGHT, width: this.width, font: { family: look.font, color: look.ink, size: 12 },
      margin: { l: narrow ? 24 : 58, r: narrow ? 8 : 16, t: 34, b: flat ? 58 : 112 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, showlegend: changed,
      legend: { orientation: "h", x: 1, xanchor: "right", y: 1.04, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)", font: { size: 12 } },
      xaxis: {
        range: [-0.6, beats.length - 0.4], fixedrange: true, showgrid: false, zeroline: false,
        tickvals: beats.map((_, index) => index), tickangle: flat ? 0 : -90, tickfont: { size: narrow ? 10 : 11 },
        ticktext: beats.map((beat) => (flat ? wrap(beat.label, Math.max(8, Math.floor(room / 6.2))) : wrap(beat.label, 18))),
      },
      yaxis: {
        range: [0.6, 5.4], fixedrange: true, zeroline: false, gridcolor: look.line, tickvals: [1, 2, 3, 4, 5],
        ticktext: narrow ? ["1", "2", "3", "4", "5"] : [texts.lowest, "2", "3", "4", texts.highest],
      },
    };
  }

  pointSize() {
    return Math.max(15, Math.min(24, (this.width - 40) / this.data.beats.length - 4));
  }

  place() {
    const { beats, texts, enabled } = this.data;
    const { xaxis, yaxis } = this.plot._fullLayout;
    const names = beats.map((beat) => beat.key).join();
    if (this.layer.dataset.beats !== names) {
      this.layer.dataset.beats = names;
      this.layer.replaceChildren(...beats.map((_, index) => this.handle(index)));
    }
    this.layer.setAttribute("role", "group");
    this.layer.setAttribute("aria-label", texts.name);
    const size = this.pointSize() + 6;
    beats.forEach((beat, index) => {
      const level = this.level(beat);
      const handle = this.layer.children[index];
      const words = level === beat.saved ? texts.value : texts.changed;
      handle.style.width = handle.style.height = `${size}px`;
      handle.style.left = `${xaxis._offset + xaxis.d2p(index) - size / 2}px`;
      handle.style.top = `${yaxis._offset + yaxis.d2p(level) - size / 2}px`;
      handle.setAttribute("aria-valuenow", level);
      handle.setAttribute("aria-valuetext", words.replace("{level}", level).replace("{saved}", beat.saved));
      handle.setAttribute("aria-disabled", String(!enabled));
    });
  }

  handle(index) {
    const handle = document.createElement("div");
    const beat = () => this.data.beats[index];
    handle.className = "arc-handle";
    handle.tabIndex = 0;
    const fixed = { role: "slider", "aria-label": beat().label, "aria-valuemin": 1, "aria-valuemax": 5, "aria-orientation": "vertical" };
    for (const [name, value] of Object.entries(fixed)) handle.setAttribute(name, value);
    handle.addEventListener("pointerdown", (event) => {
      if (!this.data.enabled || event.button !== 0) return;
      handle.setPointerCapture(event.pointerId);
      this.dragged = index;
    });
    handle.addEventListener("pointermove", (event) => {
      if (this.dragged !== index) return;
      const { yaxis } = this.plot._fullLayout;
      this.move(beat(), clamp(yaxis.p2d(event.clientY - this.plot.getBoundingClientRect().top - yaxis._offset)));
    });
    const drop = () => {
      if (this.dragged !== index) return;
      this.dragged = null;
      this.commit();
    };
    handle.addEventListener("pointerup", drop);
    handle.addEventListener("pointercancel", drop);
    handle.addEventListener("blur", () => this.commit());
    handle.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
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
    this.commit();
    this.resized.disconnect();
    this.scheme.removeEventListener("change", this.recolour);
    if (window.Plotly) window.Plotly.purge(this.plot);
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".arc-curve");
  const curve = (root.__arcCurve ??= new Curve(root));
  curve.update(data, (edit) => setTriggerValue("edit", edit));
  return () => {
    // Called before every update too; only a root that has left the page is done with.
    setTimeout(() => {
      if (root.isConnected) return;
      curve.remove();
    }, 0);
  };
}
