// What the mouse does in a plane, and in the projection.

const DRAG_PIXELS = 5;  // less is a click
const SLICE_PIXELS = 50, LINE_PIXELS = 40;  // of a wheel

function placeOf(view, event) {
  const box = view.canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

export function listen(view, app) {
  const { canvas } = view;
  let held = null, scrolled = 0;

  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    if (!app.scene) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    const [x, y] = placeOf(view, event), now = event.timeStamp;
    const isSecond = event.button === 2 && view.lastRight !== undefined && now - view.lastRight < 300;
    if (event.button === 2) view.lastRight = now;
    held = { x, y, button: event.button, negative: event.shiftKey, moved: false, center: [...app.center] };
    view.stroke = [view.toIndex(x, y)];
    view.strokeIsNegative = event.shiftKey;
    if (isSecond) app.fit();
    else if (event.button === 2 || !view.prompts) look(x, y);
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!app.scene) return;
    const [x, y] = placeOf(view, event);
    app.pointed = view;
    app.showReadout(view, view.toIndex(x, y));
    if (!held) return;
    held.moved ||= Math.hypot(x - held.x, y - held.y) > DRAG_PIXELS;
    if (held.button === 1) pan(x, y);
    else if (held.button === 2 || !view.prompts) look(x, y);
    else if (held.moved) { view.stroke.push(view.toIndex(x, y)); app.redraw(); }
  });

  const release = (event) => {
    if (!held || !app.scene) return;
    const { button, moved, negative } = held, stroke = view.stroke;
    held = null;
    view.stroke = [];
    app.redraw();
    if (event.type === "pointercancel" || button !== 0 || !view.prompts) return;
    if (moved) app.scribble(stroke, !negative);
    else app.click(stroke[0], !negative);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => app.showReadout(null));

  canvas.addEventListener("wheel", (event) => {
    if (!app.scene) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PIXELS : 1);
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(-pixels / 400), ...placeOf(view, event));
    else if (view.prompts) scroll(pixels);
  }, { passive: false });

  // A notch of a wheel is a slice; a touch pad's small steps add up to one.
  function scroll(pixels) {
    scrolled = Math.sign(pixels) === Math.sign(scrolled) ? scrolled + pixels : pixels;
    if (Math.abs(scrolled) < SLICE_PIXELS) return;
    app.moveTo(view.plane.w, view.slice - Math.sign(scrolled));
    scrolled = 0;
  }

  function look(x, y) {
    const index = view.toIndex(x, y), place = view.prompts ? index.map(Math.round) : view.hottestUnder(index);
    if (place) app.goTo(place);
  }

  function pan(x, y) {
    const { u, v, flip } = view.plane, { du, dv } = view.frame;
    app.center[u] = held.center[u] - (x - held.x) / du;
    app.center[v] = held.center[v] - (y - held.y) / dv * (flip ? -1 : 1);
    app.redraw();
  }

  // What is under the mouse stays there.
  function zoom(factor, x, y) {
    const { u, v } = view.plane, before = view.toIndex(x, y);
    app.zoom = Math.min(20, Math.max(1, app.zoom * factor));
    const after = view.toIndex(x, y);
    for (const axis of [u, v]) app.center[axis] += before[axis] - after[axis];
    if (app.zoom === 1) app.fit();
    app.redraw();
  }
}
