// Files and what else goes in and out: images, sessions, masks, the table.

import { byId } from "./controls.js";
import { say, working } from "./notes.js";
import * as server from "./server.js";

export const save = (path) => working(async () => say(`Saved ${await server.save(path)}`, true));

// Forgets all prompts, and offers for a while to bring them back.
export async function reset(app) {
  const saved = await working(() => server.text("/api/session"));
  if (saved === null) return;
  await app.ask("/api/reset");
  const note = say("All prompts are forgotten. ", true), back = document.createElement("button");
  back.textContent = "Bring them back";
  back.addEventListener("click", () => { note.remove(); app.ask("/api/session", saved); });
  note.append(back);
}

export async function copyTable() {
  const words = (cell) => cell.innerText.trim().replace(/\s+/g, " ");
  const rows = [...byId("objects").rows].map((row) => [...row.cells].map(words).join("\t"));
  await navigator.clipboard.writeText(rows.join("\n"));
  say("The table is in the clipboard.", true);
}

export async function openFiles(app) {
  const files = ["pet", "ct"].map((modality) => [modality, byId(`${modality}-file`).files[0]]).filter(([, file]) => file);
  byId("open-problem").textContent = files.length ? "" : "Choose a file first.";
  if (!files.length) return;
  byId("open-now").disabled = true;
  await working(async () => {
    try {
      for (const [modality, file] of files) await server.upload(modality, file);
      const state = await server.post("/api/open", { images: files.map(([modality]) => modality) });
      byId("open-dialog").close();
      await app.begin(state);
    } catch (error) {
      byId("open-problem").textContent = error.message;
    }
  });
  byId("open-now").disabled = false;
}

export async function loadSession(app) {
  const [file] = byId("session-file").files;
  byId("session-file").value = "";
  if (file) await app.ask("/api/session", await file.text());
}
