// The server's answers. Requests go one after another: a click during an answer waits for it.

let last = Promise.resolve();

function inTurn(work) {
  const mine = last.then(work, work);
  last = mine.catch(() => {});
  return mine;
}

async function answered(response) {
  if (response.ok) return response;
  let sentence = `The server answered with ${response.status}.`;
  try {
    sentence = (await response.json()).error;
  } catch { /* no JSON: the status has to do */ }
  throw new Error(sentence);
}

async function asked(path, options) {
  try {
    return await answered(await fetch(path, options));
  } catch (error) {
    if (error instanceof TypeError) throw new Error("The server doesn't answer. Is it still running?");
    throw error;
  }
}

export const state = () => inTurn(async () => (await asked("/api/state")).json());

export const text = (path) => inTurn(async () => (await asked(path)).text());

export const volume = (modality) =>
  inTurn(async () => new Uint16Array(await (await asked(`/api/volume?of=${modality}`)).arrayBuffer()));

export const post = (path, content = {}) =>
  inTurn(async () => {
    const body = typeof content === "string" ? content : JSON.stringify(content);
    return (await asked(path, { method: "POST", headers: { "Content-Type": "application/json" }, body })).json();
  });

export const upload = (modality, file) =>
  inTurn(() => asked(`/api/upload?of=${modality}&name=${encodeURIComponent(file.name)}`,
    { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file }));

export const save = (path) =>
  inTurn(async () => {
    const response = await asked(path);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = /filename="(.+)"/.exec(response.headers.get("Content-Disposition"))[1];
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    return link.download;
  });

// Labels of the box that a session's answer holds.
export async function unpacked(mask) {
  const bytes = Uint8Array.from(atob(mask.labels), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
