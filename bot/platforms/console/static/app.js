// The page: puts its parts together. The server has rendered everything that was there; the stream brings the rest.
import { get } from "./api.js";
import { listen } from "./buttons.js";
import { localise, run, setServerTime } from "./clocks.js";
import { Composer } from "./composer.js";
import { element, Log, swap } from "./log.js";
import { notify } from "./notices.js";
import { Reading } from "./reading.js";
import { setUp, showChannels } from "./sidebar.js";
import { kept, tab } from "./store.js";
import { Stream } from "./stream.js";
import { Thread } from "./thread.js";

const body = document.body;
const here = body.dataset.channel;
const STATES = { live: "Live", connecting: "Connecting", lost: "Reconnecting", trouble: "Record not answering", ended: "Signed out" };

let trouble = "";

setServerTime(body.dataset.now);
setUp();
run();
localise(document);
const stream = new Stream(body.dataset.cursor);
stream.addEventListener("channels", ({ detail }) => showChannels(detail.html));
stream.addEventListener("beat", ({ detail }) => setServerTime(detail.now));
stream.addEventListener("reset", reload);
if (here) openChannel();

function openChannel() {
  const log = new Log(document.getElementById("log"));
  const composer = new Composer(document.getElementById("composer"), { channel: here, draftKey: `draft.${here}` });
  const thread = new Thread(document.getElementById("thread"), here);
  const reading = new Reading(log);
  listen(here);
  stream.addEventListener("message", ({ detail }) => take(detail, { log, thread, reading }));
  stream.addEventListener("state", () => showState(stream.state));
  stream.addEventListener("trouble", ({ detail }) => showTrouble(detail.error));
  for (const one of [composer, thread.composer]) one.addEventListener("sent", ({ detail }) => sent(detail, { log, thread, reading }));
  document.addEventListener("click", (event) => openThread(event, thread));
  document.getElementById("older").addEventListener("click", (event) => loadOlder(event.currentTarget, log));
  setUpNewest(log);
  setUpPinned();
  setUpKeys(composer);
  if (matchMedia("(hover: hover)").matches) composer.focus();
}

function take(message, { log, thread, reading }) {
  if (message.channel !== here) return;
  if (message.pinned) showPinned(message);
  else if (message.thread) countReplies(log, message);
  else log.put(message);
  thread.take(message);
  reading.saw(message.id);
}

function sent(answer, parts) {
  // The stream brings it too, by the same key; where the stream is down, this is how it appears.
  if (answer.kind === "said") return take(answer.message, parts);
  parts.log.toNewest();
  if (answer.channel && answer.channel !== here && answer.accepted) location.assign(`/c/${encodeURIComponent(answer.channel)}`);
}

function showPinned(message) {
  const place = document.getElementById("pinned");
  const fresh = element(message.html);
  if (place.firstElementChild) swap(place.firstElementChild, fresh, document.getElementById("log"));
  else place.replaceChildren(fresh);
  localise(place);
  setUpPinned();
}

function setUpPinned() {
  const button = document.querySelector(".bar-toggle");
  if (!button) return;
  const root = document.documentElement;
  const show = () => button.setAttribute("aria-expanded", String(root.dataset.pinned === "open"));
  button.addEventListener("click", () => {
    root.dataset.pinned = root.dataset.pinned === "open" ? "closed" : "open";
    kept.set("pinned", root.dataset.pinned);
    show();
  });
  show();
}

function countReplies(log, reply) {
  const button = log.find(reply.thread)?.querySelector(".replies");
  if (!button || reply.thread_replies === undefined) return;
  button.dataset.count = reply.thread_replies;
  button.textContent = `${reply.thread_replies} ${reply.thread_replies === 1 ? "reply" : "replies"}`;
  button.hidden = !reply.thread_replies;
}

function openThread(event, thread) {
  const button = event.target.closest(".log .reply, .log .replies");
  const message = button?.closest(".message");
  if (message && !thread.panel.contains(message)) thread.open(message);
}

async function loadOlder(button, log) {
  button.disabled = true;
  try {
    const query = `/api/channels/${encodeURIComponent(here)}/messages?before=${log.box.dataset.before}`;
    const { messages, before } = await get(query);
    log.putEarlier(messages);
    log.box.dataset.before = before ?? "";
    button.hidden = before === null;
  } catch (fault) {
    notify(`Earlier messages could not be read. ${fault.message}`);
  } finally {
    button.disabled = false;
  }
}

function setUpNewest(log) {
  const button = document.getElementById("newest");
  const words = button.querySelector("span");
  log.addEventListener("change", () => {
    button.hidden = log.stuck;
    words.textContent = log.unseen ? `${log.unseen} new` : "Newest";
  });
  button.addEventListener("click", () => { log.toNewest(); log.box.focus({ preventScroll: true }); });
}

// Typing anywhere goes to the composer; Ctrl+K and a slash lead there from the keyboard.
function setUpKeys(composer) {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!slash && !(event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey))) return;
    event.preventDefault();
    composer.focus();
    if (slash && !composer.text.value) composer.set("/");
  });
}

// Said once, however often the stream repeats it.
function showTrouble(error) {
  if (error !== trouble) notify(error);
  trouble = error;
}

function showState(state) {
  if (state === "live") trouble = "";
  const place = document.getElementById("connection");
  place.dataset.state = state;
  document.getElementById("connection-words").textContent = STATES[state];
  if (state === "ended") notify("Your session has ended.", { href: location.pathname, link: "Sign in again", seconds: 0 });
}

function reload() {
  const last = Number(tab.get("reloaded") ?? 0);
  if (Date.now() - last < 15_000) return;
  tab.set("reloaded", String(Date.now()));
  location.reload();
}
