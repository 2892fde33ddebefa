"use strict";
// What all drawings of one method share, and the settings that they follow.
const INKS = { positive: [178, 24, 43], negative: [33, 102, 172], absolute_value: [84, 39, 143] };
const NAMES = { positive: "for", negative: "against", absolute_value: "magnitude" };
const settings = { sign: "all", threshold: 0, opacity: 0.8, smoothing: 0, grey: true };

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A name that may be broken between its words. */
function breakable(name) {
  return name.split(/(?<=[a-z])(?=[A-Z])|(?<=_)/).flatMap((word, at) => (at ? [make("wbr"), word] : [word]));
}

function number(value, digits = 3) {
  if (value === 0) return "0";
  const size = Math.abs(value), plain = size >= 1e-3 && size < 1e5;
  const text = plain ? size.toPrecision(digits) : size.toExponential(digits - 1);
  return (value > 0 ? "+" : "\u2212") + text.replace("e-", "e\u2212").replace("e+", "e");
}

async function unpacked({ peak, data }) {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const whole = new Int16Array(await new Response(stream).arrayBuffer());
  return Float32Array.from(whole, (value) => value * peak / 32767);
}

/** What of a value the chosen sign shows, with its sign. */
function kept(value) {
  switch (settings.sign) {
    case "positive": return Math.max(value, 0);
    case "negative": return Math.min(value, 0);
    default: return value;
  }
}

function inkOf(value) {
  return settings.sign === "absolute_value" ? "absolute_value" : value > 0 ? "positive" : "negative";
}

/** The smallest of the outliers, which together make up so many percent of all magnitudes. */
function fullColour(values, percent) {
  const ranked = Float64Array.from(values, Math.abs).sort();
  const total = ranked.reduce((sum, value) => sum + value, 0);
  let running = 0;
  for (const value of ranked) {
    running += value;
    if (value > 0 && running >= total * (1 - percent / 100)) return value;
  }
  return ranked.length ? ranked[ranked.length - 1] : 0;
}

/** What all drawings have: a name, a legend, the maps of a method, and a place that is read. */
class Drawing {
  constructor(section, method) {
    Object.assign(this, { section, method, target: 0, map: null, ...this.body(section) });
    this.legend = make("div", { class: "legend" });
    const parts = [make("h3", { dir: "auto" }, ...breakable(method.name)), this.stage, this.legend];
    if (method.notes) {
      const told = method.notes === 1 ? "1 note" : `${method.notes} notes`;
      parts.push(make("a", { class: "notes", href: `#method-${method.number}` }, told));
    }
    this.figure = make("figure", {}, ...parts);
  }

  async choose(target) {
    this.target = target;
    const name = this.section.targets[target].name;
    if (this.surface) this.surface.setAttribute("aria-label", `${this.method.name}, ${name}: arrow keys read values`);
    const given = this.method.maps[target];
    if (given && !given.values) given.values = await unpacked(given);
    if (target !== this.target) return; // another was chosen meanwhile
    this.map = given ? given.values : null;
    this.draw();
  }

  draw() {
    const values = this.map && this.visible();
    this.full = values ? fullColour(values, this.section.outlier_perc) : 0;
    this.tellScale();
    this.paint(values);
  }

  visible() { return this.map; }

  /** From 0 to 1, how strongly a value is shown; 0 where sign or threshold hide it. */
  strength(value) {
    const size = this.full > 0 ? Math.min(Math.abs(kept(value)) / this.full, 1) : 0;
    return size < settings.threshold ? 0 : size;
  }

  tellScale() {
    if (!this.map || this.full === 0) {
      this.legend.replaceChildren(this.map ? "zero throughout" : "not explained");
      return;
    }
    const { sign, threshold } = settings, both = sign === "all", low = sign === "negative";
    const scale = make("i", { class: both ? "" : low ? "to-zero" : "from-zero", role: "presentation" }, make("b"));
    scale.style.setProperty("--low", `rgb(${INKS.negative})`);
    scale.style.setProperty("--high", `rgb(${INKS[both ? "positive" : sign]})`);
    scale.firstChild.style.setProperty("--wide", `${100 * threshold}%`);
    scale.firstChild.style.setProperty("--from", both ? `${50 - 50 * threshold}%` : low ? `${100 - 100 * threshold}%` : "0%");
    const end = sign === "absolute_value" ? number(this.full).slice(1) : number(this.full);
    this.legend.replaceChildren(both || low ? number(-this.full) : "0", scale, low ? "0" : end);
  }
}
