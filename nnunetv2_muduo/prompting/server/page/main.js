// The page: what is open, what is shown of it, and what the user does.

import { byId, listenToKeys, listenToSettings, showObjects, showSettings } from "./controls.js";
import { copyTable, loadSession, openFiles, reset, save } from "./files.js";
import { listen } from "./mouse.js";
import { working } from "./notes.js";
import { Projection } from "./projection.js";
import { PLANES, Scene } from "./scene.js";
import * as server from "./server.js";
import { View } from "./view.js";

history.replaceState(null, "", "/");  // the token is in a cookie now, and no longer where it could be copied by accident

class App {
  scene = null;
  cursor = [0, 0, 0];
  center = [0, 0, 0];
  zoom = 1;
  mode = "pet";
  object = 1;
  waiting = [];  // clicks on their way
  pointed = null;
  settings = {
    windows: { pet: [0, 10], ct: [-160, 240] }, petColors: "gray", fusion: 0.75, fill: 0.2, mask: true, clicks: true, cross: true,
  };

  constructor() {
    this.views = Object.keys(PLANES).map((name) => new View(byId(name), this));
    this.views.forEach((view) => { view.prompts = true; });
    this.views.push(new Projection(byId("projection"), this));
    this.views.forEach((view) => listen(view, this));
  }

  async begin(state) {
    byId("pet-file-label").hidden = !state.modalities.includes("pet");
    this.scene = null;
    if (state.image) {
      const volumes = {};
      for (const modality of Object.keys(state.image.volumes)) volumes[modality] = await server.volume(modality);
      const scene = new Scene(state.image, volumes);
      scene.setAnswer(state.answer, await server.unpacked(state.answer.mask));
      this.scene = scene;
      this.mode = scene.hasPet ? (scene.hasCt ? "fused" : "pet") : "ct";
      this.object = scene.figures.length ? scene.figures.at(-1).object : 1;
      this.settings.windows.pet = [0, niceSuv(scene)];
      const [x, y, z] = scene.size, [dx, dy, dz] = scene.spacing;
      byId("views").classList.toggle("tall", z * dz > 1.3 * Math.max(x * dx, y * dy));
      this.cursor = scene.prompts.at(-1)?.places[0]?.map(Math.round) ?? scene.size.map((n) => Math.floor(n / 2));
      this.fit();
    }
    showName(this.scene, state.teachers);
    if (!this.scene) byId("open-dialog").showModal();
    this.refresh();
  }

  refresh() {
    showSettings(this);
    if (this.scene) showObjects(this);
    this.redraw();
  }

  redraw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.views.forEach((view) => view.draw());
    });
  }

  fit() {
    this.zoom = 1;
    this.center = this.scene.size.map((n) => (n - 1) / 2);
    this.redraw();
  }

  show(mode) {
    if (mode !== "pet" && !this.scene.hasCt || mode !== "ct" && !this.scene.hasPet) return;
    this.mode = mode;
    this.refresh();
  }

  goTo(voxel) {
    this.cursor = voxel.map((at, axis) => Math.min(this.scene.size[axis] - 1, Math.max(0, at)));
    this.redraw();
  }

  moveTo(axis, slice) {
    this.goTo(this.cursor.map((at, k) => (k === axis ? slice : at)));
  }

  choose(object) {
    this.object = object;
    this.refresh();
  }

  newObject() {
    this.choose(Math.min(255, Math.max(0, ...this.scene.figures.map((row) => row.object)) + 1));
  }

  nextObject() {
    const numbers = [...new Set([...this.scene.figures.map((row) => row.object), this.object])].sort((a, b) => a - b);
    this.choose(numbers[(numbers.indexOf(this.object) + 1) % numbers.length]);
  }

  click(index, positive) {
    const voxel = index.map(Math.round);
    if (!this.scene.isInside(voxel)) return;
    this.goTo(voxel);
    this.prompt("point", [index], positive);
  }

  scribble(stroke, positive) {
    const inside = stroke.filter((index) => this.scene.isInside(index.map(Math.round)));
    if (inside.length) this.prompt("scribble", inside, positive);
  }

  async prompt(kind, places, positive) {
    const shown = { kind, object: this.object, positive, places }, places_mm = places.map((index) => this.scene.toMm(index));
    this.waiting.push(shown);
    this.refresh();
    await this.ask(`/api/${kind}`, { places_mm, positive, object: this.object }, shown);
  }

  async ask(path, content, shown = null) {
    await working(async () => {
      try {
        const answer = await server.post(path, content);
        this.scene.setAnswer(answer, await server.unpacked(answer.mask));
        return true;
      } finally {
        this.waiting = this.waiting.filter((one) => one !== shown);
        this.refresh();
      }
    });
  }

  showReadout(view, index = null) {
    const voxel = index?.map(Math.round), { scene } = this;
    if (!view || !voxel || !scene.isInside(voxel) || !view.prompts) { byId("readout").innerHTML = "&nbsp;"; return; }
    const parts = [`<i>x y z</i> ${scene.toMm(index).map((mm) => mm.toFixed(1)).join("  ")} <i>mm</i>`];
    if (scene.hasPet) parts.push(`<i>SUV</i> <b>${scene.valueAt("pet", voxel).toFixed(2)}</b>`);
    if (scene.hasCt) parts.push(`<i>HU</i> <b>${Math.round(scene.valueAt("ct", voxel))}</b>`);
    const label = scene.labels[scene.indexOf(voxel)];
    if (label) parts.push(`<i>object</i> <b>${label}</b>`);
    byId("readout").innerHTML = parts.join(" &nbsp; ");
  }
}

// Twice the SUV that one voxel in a hundred is above, in halves, from 5 to 15: organs and lesions differ in it.
function niceSuv(scene) {
  const { stored, offset, scale } = scene.volumes[scene.hasPet ? "pet" : scene.first], sample = [];
  for (let i = 0; i < stored.length; i += Math.max(1, Math.floor(stored.length / 50000))) sample.push(stored[i]);
  sample.sort((a, b) => a - b);
  const suv = offset + scale * sample[Math.floor(sample.length * 0.99)];
  return Math.min(15, Math.max(5, Math.round(suv * 4) / 2));
}

function showName(scene, teachers) {
  const name = document.createElement("b");
  name.textContent = scene ? scene.name : "no image";
  byId("image-name").replaceChildren(name, teachers.length ? `  teacher: ${teachers.join(" + ")}` : "");
  document.title = scene ? `${scene.name} – muduo segment` : "muduo segment";
}

const app = new App();
const on = (id, run) => byId(id).addEventListener("click", run);
on("undo", () => app.ask("/api/undo"));
on("reset", () => reset(app));
on("copy", () => working(copyTable));
on("save-mask", () => save("/api/mask"));
on("save-session", () => save("/api/session"));
on("load-session", () => byId("session-file").click());
on("new-object", () => app.scene && app.newObject());
on("help", () => byId("help-dialog").showModal());
on("open", () => byId("open-dialog").showModal());
on("open-cancel", () => byId("open-dialog").close());
on("open-now", () => openFiles(app));
byId("session-file").addEventListener("change", () => loadSession(app));
listenToSettings(app);
listenToKeys(app);
window.muduo = app;  // for the console
await working(async () => app.begin(await server.state()));
document.body.dataset.ready = "true";
