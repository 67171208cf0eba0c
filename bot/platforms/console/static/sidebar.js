// The list of channels, the drawer it becomes on a phone, the colours, and the page's title.
import { kept } from "./store.js";

const root = document.documentElement;
const here = document.body.dataset.channel ?? "";
const list = document.getElementById("channels");
const title = document.title;

export function showChannels(html) {
  const focused = document.activeElement?.closest?.("#channels a")?.dataset.channel;
  if (html !== null) list.innerHTML = html;
  let elsewhere = 0;
  for (const link of list.querySelectorAll("a.channel")) {
    if (link.dataset.channel === here) markHere(link);
    else elsewhere += Number(link.dataset.unread);
    if (link.dataset.channel === focused) link.focus({ preventScroll: true });
  }
  document.title = elsewhere ? `(${elsewhere}) ${title}` : title;
  document.getElementById("others-unread")?.toggleAttribute("hidden", !elsewhere);
}

// The channel that is being read counts as read while it is in sight.
function markHere(link) {
  link.setAttribute("aria-current", "page");
  if (document.hidden) return;
  link.querySelector(".unread")?.remove();
  link.classList.remove("is-unread");
}

export function setUp() {
  showChannels(null);
  list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  const open = document.getElementById("open-side");
  open?.addEventListener("click", () => drawer(true));
  document.getElementById("close-side").addEventListener("click", () => drawer(false));
  document.getElementById("veil").addEventListener("click", () => drawer(false));
  document.addEventListener("keydown", (event) => event.key === "Escape" && drawer(false));
  document.getElementById("theme").addEventListener("click", nextTheme);
  nameTheme();
  setUpWhoami();
}

function drawer(open) {
  const button = document.getElementById("open-side");
  if ((root.dataset.side === "open") === open || !button) return;
  root.dataset.side = open ? "open" : "closed";
  button.setAttribute("aria-expanded", String(open));
  document.getElementById("veil").hidden = !open;
  document.getElementById("content").inert = open;
  (open ? document.getElementById("close-side") : button).focus();
}

function nextTheme() {
  const order = ["", "light", "dark"];
  const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  kept.set("theme", next);
  nameTheme();
}

function nameTheme() {
  const name = root.dataset.theme ?? "as the system";
  document.getElementById("theme-name").textContent = name;
  document.getElementById("theme").title = `Colours: ${name}`;
}

function setUpWhoami() {
  const menu = document.getElementById("whoami");
  document.querySelectorAll("[data-here]").forEach((input) => { input.value = location.pathname; });
  if (!menu) return;
  const close = () => { menu.open = false; };
  document.addEventListener("click", (event) => menu.contains(event.target) || close());
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    close();
    menu.querySelector("summary").focus();
  });
}
