// Short notices over the page: what could not be done, and where something went.
const place = document.getElementById("notices");

export function notify(text, { tone = "warning", href = "", link = "", seconds = 12 } = {}) {
  const notice = document.createElement("div");
  notice.className = `notice tone-${tone}`;
  const words = document.createElement("p");
  words.dir = "auto";
  words.textContent = text;
  if (href) words.append(" ", anchor(href, link));
  notice.append(words, closer(notice));
  place.append(notice);
  while (place.children.length > 4) place.firstElementChild.remove();
  if (seconds) setTimeout(() => notice.remove(), seconds * 1000);
}

function anchor(href, text) {
  const link = document.createElement("a");
  link.href = href;
  link.textContent = text;
  return link;
}

function closer(notice) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "×";
  button.setAttribute("aria-label", "Close");
  button.addEventListener("click", () => notice.remove());
  return button;
}
