// The page around drawings: its targets, its controls, and the place that all maps of an example read.
const DRAWINGS = { picture: PictureDrawing, text: TextDrawing, table: TableDrawing };
const sections = JSON.parse(document.getElementById("data").textContent);
const drawings = [];

/** Give a section the place that its drawings read together. */
function linked(section, own) {
  const clamp = (value, limit) => Math.min(Math.max(value, 0), limit - 1);
  section.place = null;
  section.move = (place, spoken = false) => {
    if (place !== null && section.kind === "picture") {
      place = [clamp(place[0], section.height), clamp(place[1], section.width)];
    } else if (place !== null && section.kind === "text") {
      place = clamp(place, section.tokens.length);
    }
    section.place = place;
    own.forEach((drawing) => drawing.mark(place));
    if (place === null || !spoken) return;
    const where = section.kind === "picture" ? `row ${place[0]}, column ${place[1]}` : section.tokens[place][0];
    const read = own.filter((drawing) => drawing.map).map((drawing) => `${drawing.method.name} ${drawing.read(place)}`);
    document.getElementById("status").textContent = `${where}: ${read.join("; ")}`;
  };
}

/** Tabs for targets: one of them in the order of the Tab key, the others by arrow keys. */
function tabs(section, number, choose) {
  const list = make("div", { role: "tablist", "aria-label": "target" });
  const buttons = section.targets.map(({ name, score }, index) => {
    const marks = { role: "tab", type: "button", id: `tab-${number}-${index}`, "aria-controls": `panels-${number}` };
    const tab = make("button", marks, make("bdi", {}, name), make("small", { title: "score" }, score));
    tab.addEventListener("click", () => select(index));
    return tab;
  });
  function select(index) {
    buttons.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
    });
    document.getElementById(`panels-${number}`)?.setAttribute("aria-labelledby", buttons[index].id);
    return choose(index);
  }
  list.addEventListener("keydown", (event) => {
    const current = buttons.indexOf(document.activeElement), last = buttons.length - 1;
    const next = { Home: 0, End: last, ArrowRight: current === last ? 0 : current + 1, ArrowLeft: current > 0 ? current - 1 : last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    select(next);
    buttons[next].focus();
  });
  list.append(...buttons);
  return { list, select };
}

async function show(section, number) {
  if (section.picture) {
    section.image = new Image();
    section.image.src = section.picture;
    await section.image.decode();
  }
  const own = section.methods.map((method) => new DRAWINGS[section.kind](section, method));
  if (section.image) own.unshift(new OriginalDrawing(section, { name: "Picture", notes: 0 }));
  linked(section, own);
  drawings.push(...own);
  const { list, select } = tabs(section, number, (target) => Promise.all(own.map((drawing) => drawing.choose(target))));
  const panels = make("div", { class: `panels ${section.kind}`, id: `panels-${number}`, role: "tabpanel" }, ...own.map((drawing) => drawing.figure));
  const title = section.title ? [make("h2", {}, section.title)] : [];
  document.getElementById("sections").append(make("section", {}, ...title, list, panels));
  await select(0);
}

function control(input, name, read) {
  input.addEventListener("input", () => {
    settings[name] = read(input);
    const told = document.querySelector(`output[for=${name}]`);
    if (told) told.textContent = `${input.value} %`;
    drawings.forEach((drawing) => drawing.draw());
  });
}

function themed() {
  const root = document.documentElement, button = document.getElementById("theme");
  const wide = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (wide.matches ? "dark" : "light")) === "dark";
  const tell = () => {
    button.textContent = isDark() ? "light" : "dark";
    button.setAttribute("aria-label", `switch to ${button.textContent} colours`);
  };
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; tell(); });
  wide.addEventListener("change", tell);
  tell();
}

async function start() {
  themed();
  for (const name of ["threshold", "opacity", "smoothing"]) {
    control(document.getElementById(name), name, (input) => input.value / 100);
  }
  control(document.getElementById("grey"), "grey", (input) => input.checked);
  document.querySelectorAll("[name=sign]").forEach((input) => control(input, "sign", () => input.value));
  for (const id of ["controls", "lede"]) document.getElementById(id).hidden = !sections.length;
  const pictures = sections.some((section) => section.kind === "picture");
  document.querySelectorAll(".of-picture").forEach((node) => { node.hidden = !pictures; });
  for (const [number, section] of sections.entries()) await show(section, number);
}

start().then(() => { document.body.dataset.ready = "true"; }, (error) => {
  document.getElementById("sections").append(make("p", { class: "none" }, `Maps cannot be drawn in this browser: ${error.message}`));
  throw error;
});
