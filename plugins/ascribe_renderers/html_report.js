"use strict";
const sections = JSON.parse(document.getElementById("data").textContent);
const FOR = [178, 24, 43], AGAINST = [33, 102, 172], MAGNITUDE = [84, 39, 143];
const settings = { sign: "all", threshold: 0, opacity: 0.8, grey: true };
const drawings = [];

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Int16Array(await new Response(stream).arrayBuffer());
}

function number(value) {
  return (value >= 0 ? "+" : "\u2212") + Math.abs(value).toPrecision(4);
}

function shown(value) {
  switch (settings.sign) {
    case "positive": return Math.max(value, 0);
    case "negative": return Math.min(value, 0);
    case "absolute_value": return Math.abs(value);
    default: return value;
  }
}

class Drawing {
  constructor(section, method) {
    this.section = section;
    this.method = method;
    this.target = 0;
    this.place = null;
    this.canvas = make("canvas", { tabindex: "0", role: "img", width: section.width, height: section.height });
    this.value = make("div", { class: "value", "aria-live": "polite" });
    this.scale = make("div", { class: "legend" });
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.move(null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / box.width * this.section.width);
    const row = Math.floor((event.clientY - box.top) / box.height * this.section.height);
    this.move([row, column]);
  }

  key(event) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (event.key === "Escape") this.move(null);
    if (!step) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1;
    const from = this.place || [this.section.height >> 1, this.section.width >> 1];
    this.move([from[0] + far * step[0], from[1] + far * step[1]]);
  }

  move(place) {
    const clamp = (value, limit) => Math.min(Math.max(value, 0), limit - 1);
    this.place = place && [clamp(place[0], this.section.height), clamp(place[1], this.section.width)];
    this.tell();
    this.draw();
  }

  tell() {
    const map = this.method.maps[this.target];
    if (!this.place || !map || !map.numbers) { this.value.textContent = ""; return; }
    const [row, column] = this.place;
    const value = map.numbers[row * this.section.width + column] * map.peak / 32767;
    this.value.textContent = `row ${row}, column ${column}: ${number(value)}`;
  }

  async choose(target) {
    this.target = target;
    const map = this.method.maps[target];
    this.canvas.setAttribute("aria-label", `${this.method.name}, ${this.section.targets[target]}: attribution over the picture; arrow keys read values`);
    if (map && !map.numbers) map.numbers = await unpacked(map.data);
    this.scale.replaceChildren(...(map ? this.legend(map) : ["not explained"]));
    this.tell();
    this.draw();
  }

  legend(map) {
    if (map.full === 0) return ["zero throughout"];
    const end = number(map.full).slice(1);
    return [`against \u2212${end}`, make("i"), `+${end} for`];
  }

  draw() {
    const { width, height, image } = this.section;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.filter = settings.grey ? "grayscale(1)" : "none";
    context.clearRect(0, 0, width, height);
    if (image) context.drawImage(image, 0, 0, width, height);
    context.filter = "none";
    const map = this.method.maps[this.target];
    if (map && map.numbers && map.full > 0) this.overlay(context, map, width, height);
    if (this.place) this.cross(context);
  }

  overlay(context, map, width, height) {
    const pixels = context.getImageData(0, 0, width, height);
    const unit = map.peak / 32767 / map.full;
    for (let i = 0; i < map.numbers.length; i++) {
      const value = shown(map.numbers[i] * unit);
      const size = Math.min(Math.abs(value), 1);
      if (size === 0 || size < settings.threshold) continue;
      const ink = settings.sign === "absolute_value" ? MAGNITUDE : value > 0 ? FOR : AGAINST;
      const alpha = settings.opacity * size;
      for (let c = 0; c < 3; c++) {
        const at = 4 * i + c;
        pixels.data[at] = pixels.data[at] * (1 - alpha) + ink[c] * alpha;
      }
      pixels.data[4 * i + 3] = Math.max(pixels.data[4 * i + 3], 255 * alpha);
    }
    context.putImageData(pixels, 0, 0);
  }

  cross(context) {
    const [row, column] = this.place;
    for (const [ink, wide] of [["#000", 3], ["#fff", 1]]) {
      context.strokeStyle = ink;
      context.lineWidth = wide;
      context.strokeRect(column - 2.5, row - 2.5, 6, 6);
    }
  }
}

function facts(pairs) {
  return make("dl", {}, ...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function panel(section, method) {
  const drawing = new Drawing(section, method);
  drawings.push(drawing);
  const about = make("details", {}, make("summary", {}, "parameters and diagnostics"), facts(method.facts));
  const notes = make("ul", { class: "notes" }, ...method.notes.map((note) => make("li", {}, note)));
  return make("figure", {}, make("h3", {}, method.name), drawing.canvas, drawing.value, drawing.scale, about, notes);
}

function tabs(section, number, choose) {
  const list = make("div", { role: "tablist", "aria-label": "target" });
  const buttons = section.targets.map((name, index) => {
    const tab = make("button", { role: "tab", type: "button", id: `tab-${number}-${index}`, "aria-controls": `panels-${number}` }, name);
    tab.addEventListener("click", () => select(index));
    return tab;
  });
  function select(index) {
    buttons.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
    });
    choose(index);
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const current = buttons.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    const next = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1
      : step ? (current + step + buttons.length) % buttons.length : null;
    if (next === null) return;
    event.preventDefault();
    select(next);
    buttons[next].focus();
  });
  list.append(...buttons);
  select(0);
  return list;
}

async function start() {
  const main = document.getElementById("main"), rest = main.firstChild;
  for (const [number, section] of sections.entries()) {
    if (section.picture) {
      section.image = new Image();
      section.image.src = section.picture;
      await section.image.decode();
    }
    const first = drawings.length;
    const panels = make("div", { class: "panels", id: `panels-${number}`, role: "tabpanel" }, ...section.methods.map((method) => panel(section, method)));
    const own = drawings.slice(first);
    const choice = tabs(section, number, (target) => own.forEach((drawing) => drawing.choose(target)));
    main.insertBefore(make("section", {}, make("h2", {}, section.title), choice, panels), rest);
  }
  if (!sections.length) document.getElementById("controls").hidden = true;
}

function control(name, read) {
  const input = document.getElementById(name);
  input.addEventListener("input", () => {
    settings[name] = read(input);
    const told = document.querySelector(`output[for=${name}]`);
    if (told) told.textContent = `${input.value} %`;
    drawings.forEach((drawing) => drawing.draw());
  });
}

control("sign", (input) => input.value);
control("threshold", (input) => input.value / 100);
control("opacity", (input) => input.value / 100);
control("grey", (input) => input.checked);
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
start().then(() => { document.body.dataset.ready = "true"; });
