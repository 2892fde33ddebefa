// Maps over a picture.
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
