// How the curve is drawn, by Plotly: saved levels and, over them, those that are shown now.
// The scales are computed here, so that the handles work before the drawing is there, or without it.

// On a narrow screen a beat is as wide as a thumb, and the curve is moved sideways.
const THUMB_PX = 44;
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
    link: named("--st-link-color", "#1f5c4a"),
    font: named("--st-font", "sans-serif"),
  };
}

// What a curve is drawn from is whose it is: `data`, `level(beat)`, and the elements it lies in.
class Drawing {
  // Everything that follows from the width: margins, and the places of beats and levels.
  measure() {
    this.width = this.root.clientWidth;
    const { beats } = this.data;
    const narrow = this.width < 640;
    const margin = { l: narrow ? 30 : 96, r: narrow ? 6 : 16, t: 22 };
    const fitting = (this.width - margin.l - margin.r) / (beats.length + 0.2);
    const room = narrow ? Math.max(THUMB_PX, fitting) : fitting;
    const wide = narrow ? margin.l + margin.r + room * (beats.length + 0.2) : this.width;
    this.stage.style.width = `${wide}px`;
    const flat = room >= 56;
    const labels = beats.map((beat) => wrap(beat.label, flat ? Math.max(8, Math.floor(room / 6.2)) : 14));
    // As many lines as the longest name takes; upright they need more.
    const lines = Math.max(2, ...labels.map((label) => label.split("<br>").length));
    margin.b = flat ? 8 + 14 * lines : 76;
    const size = Math.max(15, Math.min(24, room - 4));
    const height = this.stage.clientHeight;
    const tall = height - margin.t - margin.b;
    this.shape = {
      narrow, margin, room, flat, labels, size, wide, height,
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
    this.showChosen();
    let Plotly;
    try {
      Plotly = window.Plotly?.react && window.__cascadePlotly ? window.Plotly : await loadPlotly(data.plotly);
    } catch {
      plot.replaceChildren(element("p", "cascade-failed", data.texts.failed));
      return;
    }
    if (!root.isConnected) return;
    const look = colours(root);
    const [traces, layout] = [this.traces(look), this.layout(look)];
    const drawn = JSON.stringify([traces, layout]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    await Plotly.react(plot, traces, layout, { displayModeBar: false, staticPlot: true });
    stage.classList.add("drawn");
  }

  // On a narrow screen: the selected beat is in the middle of what is seen, once it is selected.
  showChosen() {
    const { chosen } = this.data;
    if (this.seen === chosen) return;
    this.seen = chosen;
    const index = this.chosenIndex();
    if (index >= 0) this.strip.scrollLeft = this.shape.x(index) - this.strip.clientWidth / 2;
  }

  traces(look) {
    const { beats, before, running } = this.data;
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

  // The selected beat's column.
  band(look) {
    const index = this.chosenIndex();
    if (index < 0) return [];
    return [{
      type: "rect", x0: index - 0.46, x1: index + 0.46, y0: 0, y1: 1, yref: "paper", layer: "below",
      fillcolor: look.link, opacity: 0.12, line: { width: 0 },
    }];
  }

  // What each change costs by itself stands at its point.
  prices(look) {
    if (this.data.running) return [];
    return this.data.beats.flatMap((beat, index) => {
      const level = this.level(beat);
      if (level === beat.saved) return [];
      const above = level < 5;
      return [{
        x: index, y: level, yshift: (above ? 1 : -1) * (this.shape.size / 2 + 9), showarrow: false,
        // Where points are close their prices would run into each other: the number alone.
        text: this.shape.flat ? beat.price : `${beat.cost}`,
        font: { size: 11, color: level > beat.saved ? look.warm : look.cool }, bgcolor: look.paper, borderpad: 1,
      }];
    });
  }

  layout(look) {
    const { beats, texts, acts } = this.data;
    const { narrow, margin, flat, labels } = this.shape;
    const quiet = { color: look.quiet, size: narrow ? 10 : 11 };
    return {
      height: this.shape.height, width: this.shape.wide, font: { family: look.font, color: look.ink, size: 12 }, margin: { ...margin, pad: 0 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, showlegend: false,
      shapes: [
        ...acts.slice(1).map((act) => ({
          type: "line", x0: act.from - 0.5, x1: act.from - 0.5, y0: 0, y1: 1.07, yref: "paper", layer: "below",
          line: { color: look.quiet, width: 1, dash: "dash" },
        })),
        ...this.band(look),
      ],
      annotations: [
        ...acts.map((act) => ({
          x: act.from - 0.5, y: 1, yref: "paper", xanchor: "left", yanchor: "bottom", showarrow: false, text: act.name, font: quiet,
        })),
        ...this.prices(look),
      ],
      xaxis: {
        range: [-0.6, beats.length - 0.4], fixedrange: true, showgrid: false, zeroline: false, automargin: false,
        tickvals: beats.map((_, index) => index), tickangle: flat ? 0 : -90, tickfont: { size: narrow ? 10 : 11 },
        ticktext: labels,
      },
      yaxis: {
        range: [LEAST_LEVEL, MOST_LEVEL], fixedrange: true, zeroline: false, automargin: false, gridcolor: look.line, tickvals: LEVELS,
        tickfont: quiet, ticktext: LEVELS.map((level) => (narrow ? `${level}` : `${level} ${texts.levels[level - 1]}`)),
      },
    };
  }
}
