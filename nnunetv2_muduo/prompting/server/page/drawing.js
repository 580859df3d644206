// Slices as pictures: windows, colors, outlines.

const BLACK = 0xff000000;

function ramp(color) {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const [r, g, b] = color(i / 255);
    table[i] = BLACK | (Math.round(b * 255) << 16) | (Math.round(g * 255) << 8) | Math.round(r * 255);
  }
  return table;
}

const clip = (t) => Math.min(1, Math.max(0, t));

export const RAMPS = {
  gray: ramp((t) => [t, t, t]),
  inverted: ramp((t) => [1 - t, 1 - t, 1 - t]),
  hot: ramp((t) => [clip(t * 2.6), clip(t * 2.6 - 0.9), clip(t * 3.4 - 2.4)]),
};

// Numbers 0 to 255 of a slice within a window [low, high].
export function levels({ stored, offset, scale }, [low, high], { start, rows, columns, rowStride, columnStride }) {
  const out = new Uint8ClampedArray(rows * columns);
  const factor = 255 * scale / (high - low), shift = 255 * (offset - low) / (high - low);
  for (let row = 0, to = 0; row < rows; row++) {
    for (let column = 0, at = start + row * rowStride; column < columns; column++, at += columnStride, to++) {
      out[to] = stored[at] * factor + shift;
    }
  }
  return out;
}

export function labelsOf(labels, { start, rows, columns, rowStride, columnStride }) {
  const out = new Uint8Array(rows * columns);
  for (let row = 0, to = 0; row < rows; row++) {
    for (let column = 0, at = start + row * rowStride; column < columns; column++, at += columnStride, to++) {
      out[to] = labels[at];
    }
  }
  return out;
}

export function colored(numbers, table, pixels) {
  for (let i = 0; i < numbers.length; i++) pixels[i] = table[numbers[i]];
}

const COLD = 12, SOLID = 110;  // of 255: below nothing of the PET is seen, above no more of the CT than the share says

// PET over CT: the hotter, the less is seen of the CT.
export function fused(pet, ct, share, pixels) {
  const hot = RAMPS.hot;
  for (let i = 0; i < pet.length; i++) {
    const over = share * clip((pet[i] - COLD) / (SOLID - COLD)), under = (1 - over) * ct[i], color = hot[pet[i]];
    const r = under + over * (color & 255), g = under + over * ((color >> 8) & 255), b = under + over * ((color >> 16) & 255);
    pixels[i] = BLACK | (b << 16) | (g << 8) | r;
  }
}

// Outline of one label as lines between the middles of neighbor voxels (marching squares), in voxels: [x1, y1, x2, y2, ...].
export function outline(labels, rows, columns, label) {
  const lines = [];
  const is = (row, column) =>
    row >= 0 && column >= 0 && row < rows && column < columns && labels[row * columns + column] === label;
  for (let row = -1; row < rows; row++) {
    for (let column = -1; column < columns; column++) {
      const kind = is(row, column) | is(row, column + 1) << 1 | is(row + 1, column + 1) << 2 | is(row + 1, column) << 3;
      if (kind === 0 || kind === 15) continue;
      const top = [column + 0.5, row], right = [column + 1, row + 0.5];
      const bottom = [column + 0.5, row + 1], left = [column, row + 0.5];
      const edges = { 1: [left, top], 2: [top, right], 3: [left, right], 4: [right, bottom], 5: [left, top, right, bottom],
        6: [top, bottom], 7: [left, bottom], 8: [bottom, left], 9: [top, bottom], 10: [top, right, bottom, left],
        11: [right, bottom], 12: [left, right], 13: [top, right], 14: [left, top] }[kind];
      for (let i = 0; i < edges.length; i += 2) lines.push(...edges[i], ...edges[i + 1]);
    }
  }
  return lines;
}
