// What is open: volumes [z, y, x] turned to LPS, labels, and the ways between voxels, millimeters and values.

export const PLANES = {  // axes to the right and down, the one of the slices, and whether down is backwards (feet below)
  axial: { u: 0, v: 1, w: 2, flip: false, ends: ["R", "L", "A", "P"], title: "Axial" },
  coronal: { u: 0, v: 2, w: 1, flip: true, ends: ["R", "L", "H", "F"], title: "Coronal" },
  sagittal: { u: 1, v: 2, w: 0, flip: true, ends: ["A", "P", "H", "F"], title: "Sagittal" },
};

const HUES = ["#35d09b", "#5aa9ff", "#ff8fc7", "#ffd166", "#b79cff", "#4dd8e6", "#ff8a5c", "#b6e35a", "#ff6f7d", "#8fa8ff"];

export const colorOf = (object) => HUES[(object - 1) % HUES.length];

export const rgbOf = (object) => [1, 3, 5].map((at) => parseInt(colorOf(object).slice(at, at + 2), 16));

export class Scene {
  constructor(description, volumes) {
    Object.assign(this, { name: description.name, first: description.first, columns: description.columns });
    this.size = [...description.shape_zyx].reverse();
    this.spacing = description.spacing_mm;
    this.origin = description.origin_mm;
    this.matrix = description.index_to_mm;
    this.strides = [1, this.size[0], this.size[0] * this.size[1]];
    this.volumes = {};
    for (const [modality, scaling] of Object.entries(description.volumes)) {
      this.volumes[modality] = { stored: volumes[modality], ...scaling };
    }
    this.labels = new Uint8Array(this.size[0] * this.size[1] * this.size[2]);
    this.box = null;
    this.prompts = [];
    this.figures = [];
  }

  get hasPet() { return "pet" in this.volumes; }
  get hasCt() { return "ct" in this.volumes; }

  indexOf(voxel) { return voxel[0] + this.strides[1] * voxel[1] + this.strides[2] * voxel[2]; }

  isInside(voxel) { return voxel.every((at, axis) => at >= 0 && at < this.size[axis]); }

  toMm(index) {
    return this.matrix.map((row, axis) => this.origin[axis] + row[0] * index[0] + row[1] * index[1] + row[2] * index[2]);
  }

  toIndex(mm) {  // columns of the matrix are at right angles, each as long as the spacing
    const offset = mm.map((at, axis) => at - this.origin[axis]);
    return this.spacing.map((step, axis) =>
      this.matrix.reduce((sum, row, k) => sum + row[axis] * offset[k], 0) / (step * step));
  }

  valueAt(modality, voxel) {
    const { stored, offset, scale } = this.volumes[modality];
    return offset + scale * stored[this.indexOf(voxel)];
  }

  // Put an answer's labels in place of the last ones.
  setAnswer(answer, inside) {
    if (this.box) this.fillBox(this.box, null);
    const [z, y, x] = answer.mask.start_zyx;
    const [nz, ny, nx] = answer.mask.shape_zyx;
    this.box = { start: [x, y, z], size: [nx, ny, nz] };
    this.fillBox(this.box, inside);
    this.figures = answer.figures;
    this.prompts = answer.prompts.map((prompt) => ({ ...prompt, places: prompt.places_mm.map((mm) => this.toIndex(mm)) }));
  }

  fillBox({ start, size }, inside) {
    let from = 0;
    for (let z = 0; z < size[2]; z++) {
      for (let y = 0; y < size[1]; y++, from += size[0]) {
        const to = this.indexOf([start[0], start[1] + y, start[2] + z]);
        if (inside) this.labels.set(inside.subarray(from, from + size[0]), to);
        else this.labels.fill(0, to, to + size[0]);
      }
    }
  }

  // The object's hottest voxel; of the whole image where it has none.
  hottest(object) {
    const { stored } = this.volumes[this.hasPet ? "pet" : this.first];
    let best = -1, at = 0;
    for (const wanted of [object, 0]) {
      for (let i = 0; i < stored.length; i++) {
        if ((wanted === 0 || this.labels[i] === wanted) && stored[i] > best) { best = stored[i]; at = i; }
      }
      if (best >= 0) break;
    }
    const [, sy, sz] = this.strides;
    return [at % sy, Math.floor((at % sz) / sy), Math.floor(at / sz)];
  }
}
