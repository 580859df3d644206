// The side of the page: objects with their figures, windows, overlays; and the keys.

import { colorOf } from "./scene.js";

const WINDOWS = { "soft tissue": [40, 400], lung: [-600, 1500], bone: [400, 1800], brain: [40, 80], liver: [90, 150] };

export const byId = (id) => document.getElementById(id);

const digits = (value) => {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
};

export function showObjects(app) {
  const { scene } = app, head = document.createElement("tr");
  head.append(cell("th", "Object"));
  for (const { heading, unit } of scene.columns) {
    const th = cell("th", heading);
    if (unit) th.append(Object.assign(document.createElement("small"), { textContent: unit }));
    head.append(th);
  }
  byId("objects").tHead.replaceChildren(head);
  const numbers = [...new Set([...scene.figures.map((row) => row.object), app.object])].sort((a, b) => a - b);
  byId("objects").tBodies[0].replaceChildren(...numbers.map((number) => objectRow(app, number)));
  byId("hint").textContent = scene.prompts.length || app.waiting.length ? "" : "Click on something in a plane to begin.";
  byId("hint").hidden = !byId("hint").textContent;
  byId("undo").disabled = byId("reset").disabled = !scene.prompts.length;
  byId("save-mask").disabled = byId("save-session").disabled = byId("copy").disabled = !scene.prompts.length;
}

function objectRow(app, number) {
  const row = document.createElement("tr"), figures = app.scene.figures.find((one) => one.object === number);
  row.style.setProperty("--object", colorOf(number));
  row.setAttribute("aria-selected", number === app.object);
  const name = cell("td", `${number}`);
  name.prepend(Object.assign(document.createElement("span"), { className: "swatch" }));
  row.append(name, ...app.scene.columns.map(({ key }) => cell("td", digits(figures?.[key]))));
  row.addEventListener("click", () => app.choose(number));
  return row;
}

function cell(kind, text) {
  return Object.assign(document.createElement(kind), { textContent: text });
}

export function showSettings(app) {
  const { settings, scene, mode } = app, { windows } = settings;
  byId("pet-controls").hidden = !scene?.hasPet;
  byId("ct-controls").hidden = !scene?.hasCt;
  byId("fusion-label").hidden = !(scene?.hasPet && scene?.hasCt);
  byId("modes").hidden = !(scene?.hasPet && scene?.hasCt);
  for (const button of byId("modes").children) button.setAttribute("aria-pressed", button.dataset.mode === mode);
  byId("suv-max").value = windows.pet[1];
  byId("suv-shown").textContent = windows.pet[1].toFixed(1);
  const [level, width] = [(windows.ct[0] + windows.ct[1]) / 2, windows.ct[1] - windows.ct[0]];
  byId("ct-level").value = level;
  byId("ct-width").value = width;
  byId("level-shown").textContent = `${level} HU`;
  byId("width-shown").textContent = `${width} HU`;
  const known = Object.entries(WINDOWS).find(([, [l, w]]) => l === level && w === width);
  byId("ct-window").value = known ? known[0] : "";
  byId("fusion").value = settings.fusion;
  byId("fusion-shown").textContent = `${Math.round(settings.fusion * 100)} %`;
  byId("fill").value = settings.fill;
  byId("fill-shown").textContent = `${Math.round(settings.fill * 100)} %`;
  for (const [id, name] of [["show-mask", "mask"], ["show-clicks", "clicks"], ["show-cross", "cross"]]) {
    byId(id).checked = settings[name];
  }
}

export function listenToSettings(app) {
  const { settings } = app;
  const on = (id, change) => byId(id).addEventListener("input", (event) => { change(event.target); app.refresh(); });
  byId("ct-window").append(...["", ...Object.keys(WINDOWS)].map((name) =>
    Object.assign(document.createElement("option"), { value: name, textContent: name || "by hand", hidden: !name })));
  on("ct-window", ({ value }) => { if (value) setCt(...WINDOWS[value]); });
  on("ct-level", ({ value }) => setCt(Number(value), settings.windows.ct[1] - settings.windows.ct[0]));
  on("ct-width", ({ value }) => setCt((settings.windows.ct[0] + settings.windows.ct[1]) / 2, Number(value)));
  on("suv-max", ({ value }) => { settings.windows.pet = [0, Number(value)]; });
  on("pet-colors", ({ value }) => { settings.petColors = value; });
  on("fusion", ({ value }) => { settings.fusion = Number(value); });
  on("fill", ({ value }) => { settings.fill = Number(value); });
  for (const [id, name] of [["show-mask", "mask"], ["show-clicks", "clicks"], ["show-cross", "cross"]]) {
    on(id, ({ checked }) => { settings[name] = checked; });
  }
  for (const button of byId("modes").children) button.addEventListener("click", () => app.show(button.dataset.mode));

  function setCt(level, width) { settings.windows.ct = [level - width / 2, level + width / 2]; }
}

export function listenToKeys(app) {
  const { settings } = app;
  const toggle = (name) => () => { settings[name] = !settings[name]; app.refresh(); };
  const slice = (step) => () => app.pointed?.prompts && app.moveTo(app.pointed.plane.w, app.pointed.slice + step);
  const zoom = (factor) => () => { app.zoom = Math.min(20, Math.max(1, app.zoom * factor)); app.redraw(); };
  const suv = (factor) => () => {
    settings.windows.pet = [0, Math.min(30, Math.max(1, Math.round(settings.windows.pet[1] * factor * 2) / 2))];
    app.refresh();
  };
  const keys = {
    n: () => app.newObject(), Tab: () => app.nextObject(), h: () => app.goTo(app.scene.hottest(app.object)),
    1: () => app.show("pet"), 2: () => app.show("fused"), 3: () => app.show("ct"),
    m: toggle("mask"), c: toggle("clicks"), x: toggle("cross"), "[": suv(0.8), "]": suv(1.25),
    Enter: (event) => app.click(app.cursor, !event.shiftKey),
    ArrowUp: slice(1), ArrowDown: slice(-1), "+": zoom(1.25), "=": zoom(1.25), "-": zoom(0.8), 0: () => app.fit(),
  };
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      const shortcut = { z: "undo", s: "save-session" }[key];
      if (shortcut) { event.preventDefault(); byId(shortcut).click(); }
    } else if (key === "?" || key === "o") {
      byId(key === "o" ? "open" : "help").click();
      event.preventDefault();
    } else if (keys[key] && app.scene && !event.altKey && !isField(event.target, key)) {
      event.preventDefault();
      keys[key](event);
    }
  });
}

// Arrows belong to sliders and lists, Tab and Enter to whoever goes through the page by keys.
function isField(target, key) {
  return target.matches("input, select") ? key.length > 1 : ["Tab", "Enter"].includes(key) && target.matches("button");
}
