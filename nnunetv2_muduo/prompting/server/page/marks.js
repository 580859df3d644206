// Clicks, scribbles and shaded masks.

import { colorOf, rgbOf } from "./scene.js";

// A click: filled where it adds, empty where it takes away.
export function drawDot(context, [x, y], { object, positive }) {
  context.beginPath();
  context.arc(x, y, 6, 0, 2 * Math.PI);
  context.fillStyle = positive ? colorOf(object) : "#14171b";
  context.fill();
  context.strokeStyle = positive ? "#0b0d10" : colorOf(object);
  context.lineWidth = 1.6;
  context.stroke();
  context.beginPath();
  context.moveTo(x - 3, y);
  context.lineTo(x + 3, y);
  if (positive) { context.moveTo(x, y - 3); context.lineTo(x, y + 3); }
  context.stroke();
}

// A scribble through places of the screen: dotted where it takes away.
export function drawLine(context, places, { object, positive }) {
  context.save();
  context.beginPath();
  places.forEach((place) => context.lineTo(...place));
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "#0b0d10";
  context.lineWidth = 5;
  context.stroke();
  context.strokeStyle = colorOf(object);
  context.lineWidth = 3;
  if (!positive) context.setLineDash([2, 6]);
  context.stroke();
  context.restore();
}

// Labels in their colors, as transparent as `fill` says.
export function shaded(labels, { rows, columns }, fill) {
  const image = new ImageData(columns, rows), pixels = new Uint32Array(image.data.buffer), colors = [0];
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    if (!label) continue;
    if (colors[label] === undefined) {
      const [r, g, b] = rgbOf(label);
      colors[label] = (Math.round(fill * 255) << 24) | (b << 16) | (g << 8) | r;
    }
    pixels[i] = colors[label];
  }
  return image;
}
