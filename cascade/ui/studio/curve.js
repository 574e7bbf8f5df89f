// Over every point lies a handle, which is the slider one moves; the drawing under it is in
// `drawing.js`, which comes before this in one script.
// What is shown is Python's levels and, over them, own edits that Python has not acknowledged yet:
// so nothing jumps back while an edit is under way, and afterwards Python's word counts. What a
// numeric editor says is on the curve at once too; it is the editor that tells Python of it.

// A point that is pressed and moved by less is clicked, and not dragged.
const DRAG_PX = 4;
const KEYBOARD_PAUSE_MS = 180;
// After so long without an answer an edit is sent again; a slow server takes it once all the same.
const UNANSWERED_MS = 4000;
// So long a numeric editor takes to tell Python of its level.
const TELLS_MS = 30;
const TYPED = ["keydown", "focusout", "click"];
// The browser's own: React replaces a field's `value`, and would take such a change for its own.
const setValue = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
// While the page comes for the first time nothing is asked of Python: a run that is broken off leaves
// half a page behind. The bar of state comes last.
function whenWhole(ask) {
  const state = document.querySelector("[data-testid='stApp']")?.dataset.testScriptState;
  if (state === "notRunning" || document.querySelector(".st-key-state")) ask();
  else setTimeout(() => whenWhole(ask), 50);
}

const clamp = (value) => Math.max(1, Math.min(5, Math.round(value)));
const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);

class Curve extends Drawing {
  constructor(root) {
    super();
    this.root = root;
    this.legend = root.querySelector(".cascade-legend");
    this.strip = root.querySelector(".cascade-strip");
    this.stage = root.querySelector(".cascade-stage");
    this.plot = root.querySelector(".cascade-plot");
    this.layer = root.querySelector(".cascade-handles");
    this.about = root.querySelector(".cascade-about");
    this.unsent = new Map(); // beat key -> level, not sent yet
    this.sent = new Map(); // beat key -> {level, count}, sent and not acknowledged yet
    this.foreseen = new Map(); // beat key -> {level, updates}, said by a numeric editor just now
    this.count = 0;
    this.pressed = null; // where a point was pressed: its place, the pointer's, and how far off it is
    this.dragged = null;
    this.told = null; // the beat that is being told of
    this.asked = 0; // how often something was selected, or taken back
    this.focused = null; // the point that Tab leads to, where it is not the selected one's
    this.seen = null; // the selected beat that was brought into view last
    this.timer = null;
    this.unanswered = null;
    this.forgets = null;
    this.drawn = ""; // what Plotly was told to draw last
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
    // [ and ] go from beat to beat wherever one reads; Ctrl+Z and Ctrl+Y through the edits.
    this.pressedKey = (event) => this.press(event);
    window.addEventListener("keydown", this.pressedKey);
    this.stage.addEventListener("click", (event) => this.clickColumn(event));
    // Before the field hears of it itself, which would keep such a number and say so in English.
    this.typed = (event) => {
      if (event.type === "focusout" || event.key === "Enter") this.checkField(event.target);
      const stepper = event.type === "click" && event.target.closest?.("[data-testid^='stNumberInputStep']");
      const field = stepper && stepper.closest("[class*='st-key-number-']")?.querySelector("input");
      // A moment later: the field follows its buttons.
      if (field) setTimeout(() => this.checkField(field), 0);
    };
    for (const type of TYPED) window.addEventListener(type, this.typed, true);
    // The theme follows the system's at any time; the new colours are there a moment later.
    this.scheme = window.matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => setTimeout(() => this.draw(), 300);
    this.scheme.addEventListener("change", this.recolour);
  }

  update(data, tell) {
    this.tellPython = (name, value) => whenWhole(() => tell(name, value));
    this.send = (edit) => this.tellPython("edit", edit);
    this.refuse = (typed) => this.tellPython("refused", typed);
    this.data = data;
    this.count = Math.max(this.count, data.acknowledged);
    for (const [key, edit] of this.sent) if (edit.count <= data.acknowledged) this.sent.delete(key);
    if (!this.sent.size) clearTimeout(this.unanswered);
    // The next answer may still be one to an earlier edit; the one after it is not.
    for (const beat of data.beats) {
      const seen = this.foreseen.get(beat.key);
      if (seen && (beat.level === seen.level || ++seen.updates > 1)) this.foreseen.delete(beat.key);
    }
    this.draw();
  }

  level(beat) {
    const own = this.unsent.get(beat.key) ?? this.sent.get(beat.key)?.level;
    return own ?? this.foreseen.get(beat.key)?.level ?? beat.level;
  }

  move(beat, level) {
    if (!this.data.enabled || level === this.level(beat)) return;
    this.unsent.set(beat.key, level);
    this.draw();
  }

  // What is said in a numeric editor is on the curve at once; what is typed there and is no level
  // gives way to the level of the curve.
  checkField(field) {
    if (!(field instanceof HTMLInputElement) || field.type !== "number" || field.disabled) return;
    const beat = this.data.beats.find(({ key }) => field.closest(`.st-key-number-${CSS.escape(key)}`));
    if (!beat) return;
    const level = Number.parseInt(field.value, 10);
    if (LEVELS.includes(level)) return this.foresee(beat, level);
    setValue.call(field, String(this.level(beat)));
    field.dispatchEvent(new Event("input", { bubbles: true }));
    this.refused = (this.refused ?? 0) + 1;
    this.refuse({ beat: beat.key, count: this.refused });
  }

  foresee(beat, level) {
    if (!this.data.enabled || level === this.level(beat)) return;
    this.foreseen.set(beat.key, { level, updates: 0 });
    clearTimeout(this.forgets);
    this.forgets = setTimeout(() => (this.foreseen.clear(), this.draw()), UNANSWERED_MS);
    // Once the editor has told Python: drawing takes its time.
    setTimeout(() => this.draw(), TELLS_MS);
  }

  select(index) {
    const beat = this.data.beats[index];
    if (!beat) return;
    this.asked += 1;
    this.focused = index;
    this.data.chosen = beat.key;
    this.draw();
    this.tellPython("select", { beat: beat.key, count: this.asked });
  }

  chosenIndex() {
    return this.data.beats.findIndex((beat) => beat.key === this.data.chosen);
  }

  press(event) {
    if (!this.data || !this.root.isConnected || event.defaultPrevented || event.altKey) return;
    if (document.querySelector("[role='dialog']")) return;
    const typing = event.target.closest?.("input:not([type='number']), textarea, select, [contenteditable='true']");
    if (typing) return;
    if (event.ctrlKey || event.metaKey) {
      const key = event.key.toLowerCase();
      if (!this.data.enabled || (key !== "z" && key !== "y")) return;
      event.preventDefault();
      this.commit();
      this.asked += 1;
      return this.tellPython("history", { redo: key === "y" || event.shiftKey, count: this.asked });
    }
    if (event.key !== "[" && event.key !== "]") return;
    event.preventDefault();
    const to = this.chosenIndex() + (event.key === "]" ? 1 : -1);
    this.select(Math.max(0, Math.min(this.data.beats.length - 1, to)));
  }

  // A beat's whole column selects it; its point says so itself.
  clickColumn(event) {
    if (!this.shape || event.target.closest(".cascade-handle")) return;
    const { margin, room } = this.shape;
    const index = Math.round((event.clientX - this.stage.getBoundingClientRect().left - margin.l) / room - 0.6);
    if (index >= 0 && index < this.data.beats.length) this.select(index);
  }

  // The point that is being dragged is back where it was, and nobody hears of it.
  putBack() {
    this.unsent.delete(this.data.beats[this.dragged].key);
    this.dragged = this.pressed = null;
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

  place() {
    const { beats, texts, enabled, chosen } = this.data;
    const { size, room, x, y } = this.shape;
    const stop = this.focused ?? Math.max(0, this.chosenIndex());
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
      handle.className = `cascade-handle ${beat.state ?? ""}${beat.key === chosen ? " chosen" : ""}`;
      handle.tabIndex = index === stop ? 0 : -1;
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
    const values = { level, name: texts.levels[level - 1], saved: beat.saved, price: beat.price };
    const words = fill(level === beat.saved ? texts.value : texts.changed, values);
    return beat.state ? `${words}. ${texts[beat.state]}` : words;
  }

  // What is said above the curve of the beat that is pointed at or focused: its level and its job.
  // No bubble at the point: that would lie over the curve that is being bent.
  explain() {
    const beat = this.data.beats[this.told ?? -1];
    if (!beat) return this.about.replaceChildren(this.data.texts.help);
    const name = element("b", "", beat.label);
    this.about.replaceChildren(name, ` · ${this.words(beat)} · `, element("span", "", beat.job));
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
    const fixed = { role: "slider", "aria-valuemin": 1, "aria-valuemax": 5, "aria-orientation": "vertical" };
    for (const [name, value] of Object.entries(fixed)) handle.setAttribute(name, value);
    handle.addEventListener("pointerenter", () => this.dragged === null && this.show(index));
    handle.addEventListener("pointerleave", () => this.hide(index));
    handle.addEventListener("focus", () => {
      this.focused = index;
      for (const [at, one] of [...this.layer.children].entries()) one.tabIndex = at === index ? 0 : -1;
      this.show(index);
    });
    const top = () => this.stage.getBoundingClientRect().top;
    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      // What the keyboard has done goes first: it is no part of what Escape takes back.
      this.commit();
      handle.setPointerCapture(event.pointerId);
      const { clientX: x, clientY: y } = event;
      this.pressed = { index, x, y, off: y - top() - this.shape.y(this.level(beat())) };
    });
    handle.addEventListener("pointermove", (event) => {
      if (this.pressed?.index !== index || !this.data.enabled) return;
      const { x, y, off } = this.pressed;
      if (this.dragged === null && Math.hypot(event.clientX - x, event.clientY - y) < DRAG_PX) return;
      this.dragged = index;
      this.move(beat(), clamp(this.shape.levelAt(event.clientY - off - top())));
    });
    const drop = (event) => {
      if (this.pressed?.index !== index) return;
      const clicked = this.dragged === null && event.type === "pointerup";
      this.pressed = this.dragged = null;
      this.commit();
      if (clicked) this.select(index);
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
      // Streamlit's own letters are page-wide; here they would be a slip.
      if (/^[a-z]$/i.test(event.key)) return event.stopPropagation();
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        return this.select(index);
      }
      const aside = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (aside) {
        event.preventDefault();
        return this.layer.children[index + aside]?.focus();
      }
      const level = this.level(beat());
      const steps = { ArrowUp: 1, ArrowDown: -1 };
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
    window.removeEventListener("keydown", this.pressedKey);
    for (const type of TYPED) window.removeEventListener(type, this.typed, true);
    clearTimeout(this.forgets);
    this.resized.disconnect();
    this.scheme.removeEventListener("change", this.recolour);
    if (window.Plotly) window.Plotly.purge(this.plot);
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".cascade-curve");
  const curve = (root.__cascadeCurve ??= new Curve(root));
  curve.update(data, setTriggerValue);
  return () => {
    // Called before every update too; only a root that has left the page is done with.
    setTimeout(() => {
      if (root.isConnected) return;
      curve.remove();
    }, 0);
  };
}
