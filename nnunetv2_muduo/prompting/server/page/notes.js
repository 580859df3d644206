// What is going on, and what went wrong.

const BUSY_AFTER_MS = 80, NOTE_MS = 6000;

const busy = document.getElementById("busy");
let nWorking = 0;

// A note that goes away by itself.
export function say(text, isGood = false) {
  const note = Object.assign(document.createElement("p"), { textContent: text, className: isGood ? "good" : "" });
  document.getElementById("notes").append(note);
  setTimeout(() => note.remove(), NOTE_MS);
  return note;
}

// Shows that something is going on, and says what went wrong.
export async function working(work) {
  nWorking++;
  const timer = setTimeout(() => { busy.hidden = false; document.body.classList.add("busy"); }, BUSY_AFTER_MS);
  try {
    return await work();
  } catch (error) {
    say(error.message);
    return null;
  } finally {
    clearTimeout(timer);
    if (--nWorking === 0) { busy.hidden = true; document.body.classList.remove("busy"); }
  }
}
