// One plane on a canvas: slice, mask, clicks, crosshair, and where the mouse is.

import { colored, fused, labelsOf, levels, outline, RAMPS } from "./drawing.js";
import { drawDot, drawLine, shaded } from "./marks.js";
import { colorOf, PLANES } from "./scene.js";

const CROSS = "rgba(120, 190, 255, .55)";
const FONT = "12px system-ui, sans-serif";

export class View {
  constructor(figure, app) {
    this.app = app;
    this.figure = figure;
    this.plane = PLANES[figure.id];
    this.canvas = figure.querySelector("canvas");
    this.slider = figure.querySelector("input");
    this.context = this.canvas.getContext("2d");
    this.picture = document.createElement("canvas");
    this.shades = document.createElement("canvas");
    this.stroke = [];  // of a scribble that is being drawn: voxels
    this.slider?.addEventListener("input", () => app.moveTo(this.plane.w, Number(this.slider.value)));
    new ResizeObserver(() => app.redraw()).observe(this.canvas);
  }

  get slice() { return this.app.cursor[this.plane.w]; }

  // Where a slice lies in a volume.
  get walk() {
    const { u, v, w } = this.plane, { strides, size } = this.app.scene;
    return { start: this.slice * strides[w], rows: size[v], columns: size[u], rowStride: strides[v], columnStride: strides[u] };
  }

  // Pixels of the screen per voxel along u and v, and the middle of the picture.
  get frame() {
    const { u, v } = this.plane, { size, spacing } = this.app.scene;
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    const fit = 0.96 * Math.min(width / (size[u] * spacing[u]), height / (size[v] * spacing[v]));
    const scale = fit * this.app.zoom;
    return { width, height, du: scale * spacing[u], dv: scale * spacing[v] };
  }

  toScreen(index) {
    const { u, v, flip } = this.plane, { width, height, du, dv } = this.frame, { center } = this.app;
    return [width / 2 + (index[u] - center[u]) * du, height / 2 + (index[v] - center[v]) * dv * (flip ? -1 : 1)];
  }

  // Continuous voxel indices under a place of the screen.
  toIndex(x, y) {
    const { u, v, w, flip } = this.plane, { width, height, du, dv } = this.frame, { center } = this.app;
    const index = [0, 0, 0];
    index[u] = center[u] + (x - width / 2) / du;
    index[v] = center[v] + (y - height / 2) / dv * (flip ? -1 : 1);
    index[w] = this.slice;
    return index;
  }

  draw() {
    const { app, context, canvas } = this, ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    if (this.slider) this.slider.hidden = !app.scene;
    if (!app.scene) return;
    this.showSlider();
    this.drawSlice();
    if (app.settings.mask) this.drawMask();
    if (app.settings.cross) this.drawCross();
    if (app.settings.clicks) this.drawClicks();
    this.drawStroke();
    this.drawWords();
  }

  showSlider() {
    this.slider.max = this.app.scene.size[this.plane.w] - 1;
    this.slider.value = this.slice;
  }

  drawSlice() {
    const { scene, settings, mode } = this.app, { walk } = this;
    const image = new ImageData(walk.columns, walk.rows), pixels = new Uint32Array(image.data.buffer);
    const of = (modality) => levels(scene.volumes[modality], settings.windows[modality], walk);
    if (mode === "fused") fused(of("pet"), of("ct"), settings.fusion, pixels);
    else if (mode === "ct") colored(of("ct"), RAMPS.gray, pixels);
    else colored(of("pet"), RAMPS[settings.petColors === "hot" ? "hot" : "inverted"], pixels);
    this.place(this.picture, image);
  }

  // A picture with a pixel per voxel, put where its voxels are.
  place(canvas, image) {
    const { u, v, flip } = this.plane, { size } = this.app.scene, { context } = this;
    Object.assign(canvas, { width: image.width, height: image.height });
    canvas.getContext("2d").putImageData(image, 0, 0);
    const low = [0, 0, 0], high = [0, 0, 0];
    for (const axis of [u, v]) { low[axis] = -0.5; high[axis] = size[axis] - 0.5; }
    const [x1, y1] = this.toScreen(low), [x2, y2] = this.toScreen(high);
    context.save();
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    if (flip) {
      context.translate(0, y1);
      context.scale(1, -1);
      context.drawImage(canvas, x1, 0, x2 - x1, y1 - y2);
    } else {
      context.drawImage(canvas, x1, y1, x2 - x1, y2 - y1);
    }
    context.restore();
  }

  drawMask() {
    const { scene, settings } = this.app, { walk } = this;
    const labels = labelsOf(scene.labels, walk), present = [...new Set(labels)].filter(Boolean);
    if (!present.length) return;
    if (settings.fill > 0) this.place(this.shades, shaded(labels, walk, settings.fill));
    for (const label of present) this.drawOutline(labels, walk, label);
  }

  drawOutline(labels, { rows, columns }, label) {
    const { context } = this, lines = outline(labels, rows, columns, label);
    context.beginPath();
    for (let i = 0; i < lines.length; i += 4) {
      context.moveTo(...this.ofPixel(lines[i], lines[i + 1]));
      context.lineTo(...this.ofPixel(lines[i + 2], lines[i + 3]));
    }
    context.strokeStyle = colorOf(label);
    context.lineWidth = label === this.app.object ? 2 : 1.3;
    context.lineCap = "round";
    context.stroke();
  }

  ofPixel(column, row) {
    const index = [0, 0, 0];
    index[this.plane.u] = column;
    index[this.plane.v] = row;
    return this.toScreen(index);
  }

  drawCross() {
    const { context } = this, [x, y] = this.toScreen(this.app.cursor), { width, height } = this.frame, gap = 12;
    context.beginPath();
    for (const [x1, y1, x2, y2] of [[0, y, x - gap, y], [x + gap, y, width, y], [x, 0, x, y - gap], [x, y + gap, x, height]]) {
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
    }
    context.strokeStyle = CROSS;
    context.lineWidth = 1;
    context.stroke();
  }

  drawClicks() {
    const { scene, waiting } = this.app;
    for (const prompt of [...scene.prompts, ...waiting]) {
      if (prompt.kind === "box" || !prompt.places.length) continue;
      const near = prompt.places.filter((place) => Math.abs(place[this.plane.w] - this.slice) < 0.75);
      if (!near.length) continue;
      if (prompt.kind === "scribble") drawLine(this.context, near.map((place) => this.toScreen(place)), prompt);
      else drawDot(this.context, this.toScreen(near[0]), prompt);
    }
  }

  drawStroke() {
    const places = this.stroke.map((place) => this.toScreen(place));
    if (places.length > 1) drawLine(this.context, places, { object: this.app.object, positive: !this.strokeIsNegative });
  }

  drawWords() {
    const { context } = this, { width, height } = this.frame, [left, right, top, bottom] = this.plane.ends;
    Object.assign(context, { font: FONT, textBaseline: "middle", fillStyle: "#9ecbff" });
    Object.assign(context, { lineWidth: 3, lineJoin: "round", strokeStyle: "#0d0f12cc" });
    const word = (text, x, y, align) => {
      context.textAlign = align;
      context.strokeText(text, x, y);  // readable on white too
      context.fillText(text, x, y);
    };
    word(left, 8, height / 2, "left");
    word(right, width - 8, height / 2, "right");
    word(top, width / 2, 12, "center");
    word(bottom, width / 2, height - 30, "center");
    context.fillStyle = "#dde3ea";
    word(this.title, 8, 14, "left");
  }

  get title() { return `${this.plane.title}  ${this.slice + 1} / ${this.app.scene.size[this.plane.w]}`; }
}
