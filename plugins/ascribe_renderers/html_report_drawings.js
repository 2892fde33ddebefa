"use strict";
// What is drawn of one method: a map over a picture, words in colours, or bars.
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
  return name.split(/(?<=[a-z])(?=[A-Z])/).flatMap((word, at) => (at ? [make("wbr"), word] : [word]));
}

function number(value, digits = 3) {
  const text = Math.abs(value).toPrecision(digits).replace("e-", "e\u2212");
  return (value > 0 ? "+" : value < 0 ? "\u2212" : "") + (value === 0 ? "0" : text);
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

/** A map after a Gaussian filter of so many pixels, its edges repeated. */
function smoothed(values, width, height, sigma) {
  const reach = Math.ceil(3 * sigma);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / sigma) ** 2));
  const sum = kernel.reduce((a, b) => a + b);
  const along = (from, count, lines, step, stride) => {
    const to = new Float32Array(from.length);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < count; i++) {
        let total = 0;
        for (let k = -reach; k <= reach; k++) {
          const at = Math.min(Math.max(i + k, 0), count - 1);
          total += kernel[k + reach] * from[line * stride + at * step];
        }
        to[line * stride + i * step] = total / sum;
      }
    }
    return to;
  };
  return along(along(values, width, height, 1, width), height, width, width, 1);
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

/** The picture, and a map over it. */
class PictureDrawing extends Drawing {
  body({ width, height }) {
    const canvas = make("canvas", { width, height, tabindex: "0", role: "application", "aria-roledescription": "map" });
    if (width < 64) canvas.className = "coarse";
    const marker = make("div", { class: "marker", hidden: "" }, make("i"), make("span"));
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerdown", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => this.section.move(null));
    canvas.addEventListener("blur", () => this.section.move(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    return { surface: canvas, marker, stage: make("div", { class: "stage" }, canvas, marker) };
  }

  point(event) {
    const box = this.surface.getBoundingClientRect(), { width, height } = this.section;
    this.section.move([(event.clientY - box.top) / box.height * height, (event.clientX - box.left) / box.width * width].map(Math.floor));
  }

  key(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Escape") this.section.move(null);
    if (!step) return;
    event.preventDefault();
    const { place, width, height } = this.section, far = event.shiftKey ? 10 : 1;
    const from = place || [height >> 1, width >> 1];
    this.section.move([from[0] + far * step[0], from[1] + far * step[1]], true);
  }

  read([row, column]) {
    return this.map ? number(this.map[row * this.section.width + column], 4) : "";
  }

  mark(place) {
    this.marker.hidden = !place;
    if (!place) return;
    const { width, height } = this.section;
    this.marker.style.left = `${100 * (place[1] + 0.5) / width}%`;
    this.marker.style.top = `${100 * (place[0] + 0.5) / height}%`;
    this.marker.classList.toggle("left", place[1] > width / 2);
    this.marker.lastChild.textContent = this.read(place);
    this.marker.lastChild.hidden = !this.marker.lastChild.textContent;
  }

  visible() {
    const { width, height } = this.section, sigma = settings.smoothing * Math.max(width, height);
    if (sigma === 0) return this.map;
    if (this.last?.map !== this.map || this.last.sigma !== sigma) {
      this.last = { map: this.map, sigma, values: smoothed(this.map, width, height, sigma) };
    }
    return this.last.values;
  }

  paint(values) {
    const { width, height, image } = this.section;
    const context = this.surface.getContext("2d", { willReadFrequently: true });
    context.clearRect(0, 0, width, height);
    if (image) context.drawImage(image, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height);
    if (settings.grey) greyed(pixels.data);
    if (values) this.overlay(pixels.data, values);
    context.putImageData(pixels, 0, 0);
    if (this.section.place) this.mark(this.section.place);
  }

  overlay(data, values) {
    for (let i = 0; i < values.length; i++) {
      const alpha = settings.opacity * this.strength(values[i]);
      if (alpha === 0) continue;
      const ink = INKS[inkOf(values[i])], under = data[4 * i + 3] / 255;
      // Over what is transparent the map's own colour stays.
      const over = alpha + under * (1 - alpha);
      for (let c = 0; c < 3; c++) {
        data[4 * i + c] = (data[4 * i + c] * under * (1 - alpha) + ink[c] * alpha) / over;
      }
      data[4 * i + 3] = 255 * over;
    }
  }
}

/** By how bright red, green and blue look (ITU-R BT.601). */
function greyed(data) {
  for (let i = 0; i < data.length; i += 4) {
    data[i] = data[i + 1] = data[i + 2] = 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
  }
}

/** The picture alone, where its places are told. */
class OriginalDrawing extends PictureDrawing {
  async choose() { this.draw(); }

  draw() {
    const { width, height, image } = this.section;
    this.surface.setAttribute("aria-label", "the picture: arrow keys read values of all maps");
    this.surface.getContext("2d").drawImage(image, 0, 0, width, height);
    this.mark(this.section.place);
  }

  mark(place) {
    super.mark(place);
    const { width, height } = this.section;
    this.legend.textContent = place ? `row ${place[0]}, column ${place[1]}` : `${width} \u00d7 ${height} pixels`;
  }
}

/** Words on backgrounds. */
class TextDrawing extends Drawing {
  body({ tokens }) {
    const words = tokens.map(([text]) => make("span", {}, text));
    const spaced = tokens.flatMap(([, space], at) => (space ? [" ", words[at]] : [words[at]]));
    const stage = make("p", { class: "words", dir: "auto", tabindex: "0", role: "application", "aria-roledescription": "text" }, ...spaced);
    const reading = make("p", { class: "reading", dir: "auto" });
    stage.addEventListener("pointerover", (event) => {
      const at = words.indexOf(event.target);
      this.section.move(at < 0 ? null : at);
    });
    stage.addEventListener("pointerleave", () => this.section.move(null));
    stage.addEventListener("blur", () => this.section.move(null));
    stage.addEventListener("keydown", (event) => this.key(event));
    return { surface: stage, words, reading, stage: make("div", {}, stage, reading) };
  }

  key(event) {
    const on = getComputedStyle(this.surface).direction === "rtl" ? -1 : 1;
    const step = { ArrowRight: on, ArrowLeft: -on, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") this.section.move(null);
    if (!step) return;
    event.preventDefault();
    const { place } = this.section;
    this.section.move(place === null ? (step > 0 ? 0 : this.words.length - 1) : place + step, true);
  }

  read(place) { return this.map ? number(this.map[place], 4) : ""; }

  mark(place) {
    this.words.forEach((word, at) => word.classList.toggle("here", at === place));
    const told = place === null ? [] : [make("bdi", {}, this.section.tokens[place][0]), ` ${this.read(place)}`];
    this.reading.replaceChildren(...told);
  }

  paint(values) {
    this.words.forEach((word, at) => {
      const alpha = values ? 0.8 * settings.opacity * this.strength(values[at]) : 0;
      word.style.background = alpha ? `rgb(var(--${NAMES[inkOf(values[at])]}) / ${alpha.toFixed(3)})` : "none";
    });
    if (this.section.place !== null) this.mark(this.section.place);
  }
}

/** Bars of features, in one order for all methods. */
class TableDrawing extends Drawing {
  body({ rows, order, most }) {
    const shown = order.length > most ? order.slice(0, most) : order;
    const others = order.slice(shown.length);
    this.groups = [...shown.map((at) => [at]), ...(others.length ? [others] : [])];
    const lines = this.groups.map((group, line) => {
      const [name, value] = group.length === 1 ? rows[group[0]] : [`${group.length} others, summed`, ""];
      const head = make("th", { scope: "row", dir: "auto" }, name, ...(value ? [make("small", {}, ` = ${value}`)] : []));
      const bar = make("i");
      const row = make("tr", {}, head, make("td", { "aria-hidden": "true" }, make("div", { class: "bar" }, bar)), make("td"));
      row.addEventListener("pointerenter", () => this.section.move(line));
      return { row, bar, told: row.lastChild };
    });
    const stage = make("table", { class: "bars" }, make("tbody", {}, ...lines.map((line) => line.row)));
    stage.addEventListener("pointerleave", () => this.section.move(null));
    return { lines, stage };
  }

  read() { return ""; }

  tellScale() {
    const said = this.map ? (this.full ? "" : "zero throughout") : "not explained";
    this.legend.textContent = said;
    this.legend.hidden = !said;
  }

  mark(place) { this.lines.forEach(({ row }, at) => row.classList.toggle("here", at === place)); }

  visible() { return this.groups.map((group) => group.reduce((sum, at) => sum + this.map[at], 0)); }

  paint(values) {
    const peak = values ? Math.max(...values.map(Math.abs)) : 0;
    this.full = peak;
    this.tellScale();
    this.lines.forEach(({ row, bar, told }, at) => {
      const value = values ? values[at] : 0, strength = this.strength(value);
      told.textContent = values ? number(value) : "";
      row.classList.toggle("below", strength === 0);
      const side = value < 0 && settings.sign !== "absolute_value" ? "right" : "left";
      bar.style.cssText = `${side}:50%;width:${50 * strength}%;background:rgb(var(--${NAMES[inkOf(value)]}));opacity:${settings.opacity}`;
    });
  }
}
