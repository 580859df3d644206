// Maximum intensity projection from the front: the whole body at a glance, and a way to what is hot.

import { colored, levels, RAMPS } from "./drawing.js";
import { PLANES } from "./scene.js";
import { View } from "./view.js";

export class Projection extends View {
  constructor(figure, app) {
    super(figure, app);
    this.plane = PLANES.coronal;
  }

  get modality() { return this.app.scene.hasPet ? "pet" : this.app.scene.first; }

  // Of a scene, once: highest stored value along y, and where it is.
  project() {
    const { scene } = this.app, [nx, ny, nz] = scene.size, { stored } = scene.volumes[this.modality];
    this.highest = new Uint16Array(nx * nz);
    this.depth = new Uint16Array(nx * nz);
    for (let z = 0, from = 0; z < nz; z++) {
      for (let y = 0; y < ny; y++) {
        for (let x = 0, to = z * nx; x < nx; x++, to++, from++) {
          if (stored[from] > this.highest[to]) { this.highest[to] = stored[from]; this.depth[to] = y; }
        }
      }
    }
    this.of = scene;
  }

  hottestUnder(index) {
    const { size } = this.app.scene, x = Math.round(index[0]), z = Math.round(index[2]);
    if (x < 0 || z < 0 || x >= size[0] || z >= size[2]) return null;
    return [x, this.depth[z * size[0] + x], z];
  }

  drawSlice() {
    const { scene, settings } = this.app, [nx, , nz] = scene.size;
    if (this.of !== scene) this.project();
    const volume = { ...scene.volumes[this.modality], stored: this.highest };
    const image = new ImageData(nx, nz), pixels = new Uint32Array(image.data.buffer);
    const flat = { start: 0, rows: nz, columns: nx, rowStride: nx, columnStride: 1 };
    const isPet = this.modality === "pet", colors = isPet ? (settings.petColors === "hot" ? "hot" : "inverted") : "gray";
    const window = isPet ? settings.windows.pet : [-200, 1400];
    colored(levels(volume, window, flat), RAMPS[colors], pixels);
    this.place(this.picture, image);
  }

  showSlider() {}

  drawMask() {
    const { scene } = this.app;
    if (!scene.box) return;
    const [columns, , rows] = scene.size;
    if (this.seenOf !== scene.box) Object.assign(this, { seen: this.fromTheFront(), seenOf: scene.box });
    for (const label of new Set(this.seen)) if (label) this.drawOutline(this.seen, { rows, columns }, label);
  }

  // Labels from the front: the first that is met.
  fromTheFront() {
    const { scene } = this.app, { start, size } = scene.box, seen = new Uint8Array(scene.size[0] * scene.size[2]);
    for (let z = start[2]; z < start[2] + size[2]; z++) {
      for (let y = start[1]; y < start[1] + size[1]; y++) {
        const from = scene.indexOf([start[0], y, z]), to = z * scene.size[0] + start[0];
        for (let x = 0; x < size[0]; x++) seen[to + x] ||= scene.labels[from + x];
      }
    }
    return seen;
  }

  drawClicks() {}

  get title() { return `${this.modality.toUpperCase()} projection`; }
}
