// Calls to the server. A refusal comes as a Fault whose message can be shown as it is.
const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

export class Fault extends Error {
  constructor(status, message, hint) {
    super(hint ? `${message} ${hint}` : message);
    this.status = status;
  }
}

// randomUUID is missing on pages without TLS; random bytes are everywhere.
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function get(path) {
  return read(await reach(path, {}));
}

export async function post(path, body, { keepalive = false } = {}) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": token };
  return read(await reach(path, { method: "POST", headers, body: JSON.stringify(body), keepalive }));
}

async function reach(path, options) {
  try {
    return await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Fault(0, "The server cannot be reached.", "Try again in a moment.");
  }
}

async function read(response) {
  if (response.status === 204) return null;
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new Fault(response.status, body.error ?? `The server answered ${response.status}.`, body.hint ?? "");
}
