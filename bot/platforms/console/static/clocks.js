// Times in the reader's zone, and the clocks that run. The server's time counts: a laptop's may be wrong.
const zone = checked(document.body.dataset.zone);
let skew = 0;

const clock = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const date = format({ day: "numeric", month: "short" });
const full = format({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" });
const dayKey = format({ year: "numeric", month: "2-digit", day: "2-digit" });
const weekday = format({ weekday: "long", day: "numeric", month: "long" });

const STYLES = {
  clock: (at) => (sameDay(at, now()) ? clock.format(at) : `${date.format(at)}, ${clock.format(at)}`),
  full: (at) => `${date.format(at)}, ${clock.format(at)}`,
  relative: (at) => relative((at - now()) / 1000),
  elapsed: (at) => running(Math.max(0, (now() - at) / 1000)),
  due: (at) => due((at - now()) / 1000),
};
const LIVE = "time[data-style=relative], time[data-style=elapsed], time[data-style=due]";

export const now = () => Date.now() + skew;

export function setServerTime(iso) {
  const server = Date.parse(iso);
  if (!Number.isNaN(server)) skew = server - Date.now();
}

export function sameDay(a, b) {
  return dayKey.format(a) === dayKey.format(b);
}

export function dayName(at) {
  if (sameDay(at, now())) return "Today";
  return sameDay(at, now() - 86_400_000) ? "Yesterday" : weekday.format(at);
}

export function localise(root) {
  for (const element of root.querySelectorAll("time[data-style]")) {
    element.title = full.format(Date.parse(element.dateTime));
    show(element);
  }
}

export function run() {
  setInterval(() => {
    if (!document.hidden) document.querySelectorAll(LIVE).forEach(show);
  }, 1000);
  document.addEventListener("visibilitychange", () => document.querySelectorAll(LIVE).forEach(show));
}

function show(element) {
  const at = Date.parse(element.dateTime);
  if (Number.isNaN(at)) return;
  const inHeader = element.dataset.style === "clock" && element.closest(".said > header");
  const text = inHeader ? clock.format(at) : STYLES[element.dataset.style]?.(at);
  // Changing the text node, not replacing it, keeps screen readers from reading a log again every second.
  if (text && element.firstChild?.nodeValue !== text) {
    if (element.firstChild) element.firstChild.nodeValue = text;
    else element.textContent = text;
  }
  if (element.dataset.style === "due") markDue(element, (at - now()) / 1000);
}

function markDue(element, seconds) {
  const place = element.closest(".due");
  place?.classList.toggle("is-soon", seconds > 0 && seconds <= 180);
  place?.classList.toggle("is-late", seconds <= 0);
}

function due(seconds) {
  return seconds > 0 ? `in ${running(seconds)}` : `overdue by ${running(-seconds)}`;
}

function running(seconds) {
  const whole = Math.floor(seconds);
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  const tail = `${String(minutes).padStart(hours || days ? 2 : 1, "0")}:${String(whole % 60).padStart(2, "0")}`;
  return `${days ? `${days} d ` : ""}${hours || days ? `${hours}:` : ""}${tail}`;
}

function relative(seconds) {
  const size = Math.abs(seconds);
  if (size < 45) return seconds <= 0 ? "just now" : "in a moment";
  const [count, unit] = size < 5400 ? [size / 60, "min"] : size < 129600 ? [size / 3600, "h"] : [size / 86400, "d"];
  return seconds < 0 ? `${Math.round(count)} ${unit} ago` : `in ${Math.round(count)} ${unit}`;
}

function format(options) {
  return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
}

function checked(name) {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: name });
    return name;
  } catch {
    return "UTC";
  }
}
