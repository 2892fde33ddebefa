// Words in colours, and bars of a table.
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
  body() {
    const lines = make("tbody");
    const stage = make("table", { class: "bars" }, lines);
    stage.addEventListener("pointerleave", () => this.section.move(null));
    return { lines, stage, ordered: null };
  }

  draw() {
    if (this.ordered !== this.target) this.order();
    super.draw();
  }

  order() {
    this.ordered = this.target;
    const { rows, orders, most } = this.section, order = orders[this.target];
    const others = order.length > most ? order.slice(most) : [];
    this.groups = [...order.slice(0, order.length - others.length).map((at) => [at]), ...(others.length ? [others] : [])];
    this.rows = this.groups.map((group, line) => {
      const [name, value] = group.length === 1 ? rows[group[0]] : [`${group.length} others, summed`, ""];
      const own = value ? [make("small", {}, ` =\u00a0${value}`)] : [];
      const bar = make("i"), told = make("td");
      const head = make("th", { scope: "row", dir: "auto" }, ...breakable(name), ...own);
      const row = make("tr", {}, head, make("td", { "aria-hidden": "true" }, make("div", { class: "bar" }, bar)), told);
      row.addEventListener("pointerenter", () => this.section.move(line));
      return { row, bar, told };
    });
    this.lines.replaceChildren(...this.rows.map(({ row }) => row));
  }

  read() { return ""; }

  tellScale() {
    const said = this.map ? (this.full ? "" : "zero throughout") : "not explained";
    this.legend.textContent = said;
    this.legend.hidden = !said;
  }

  mark(place) { this.rows.forEach(({ row }, at) => row.classList.toggle("here", at === place)); }

  visible() { return this.groups.map((group) => group.reduce((sum, at) => sum + this.map[at], 0)); }

  paint(values) {
    const peak = values ? Math.max(...values.map(Math.abs)) : 0;
    this.full = peak;
    this.tellScale();
    this.rows.forEach(({ row, bar, told }, at) => {
      const value = values ? values[at] : 0, strength = this.strength(value);
      told.textContent = values ? number(value) : "";
      row.classList.toggle("below", strength === 0);
      const side = value < 0 && settings.sign !== "absolute_value" ? "right" : "left";
      bar.style.cssText = `${side}:50%;width:${50 * strength}%;background:rgb(var(--${NAMES[inkOf(value)]}));opacity:${settings.opacity}`;
    });
  }
}
