// Buttons of cards. Each click has an id of its own, kept until it is answered, so that trying again clicks once.
import { newId, post } from "./api.js";
import { notify } from "./notices.js";

const SETTLE_MS = 3000;

export function listen(channel) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-token]");
    if (button && !button.disabled) press(button, channel);
  });
}

async function press(button, channel) {
  const group = [...button.closest(".buttons").children];
  button.dataset.delivery ||= newId();
  tell(button, "");
  busy(button, group, true);
  try {
    const receipt = await post("/api/clicks", { channel, token: button.dataset.token, id: button.dataset.delivery });
    delete button.dataset.delivery;
    answered(button, group, receipt, channel);
  } catch (fault) {
    busy(button, group, false);
    tell(button, `Not done. ${fault.message}`);
  }
}

// A card that was acted on is replaced by its next state in a moment. One that is not keeps its other buttons.
function answered(button, group, receipt, channel) {
  if (receipt.channel && receipt.channel !== channel) {
    notify("Answered in", { tone: "info", href: `/c/${encodeURIComponent(receipt.channel)}`, link: `#${receipt.channel}` });
  }
  button.removeAttribute("aria-busy");
  if (!receipt.accepted) return busy(button, group, false);
  setTimeout(() => {
    for (const other of group) if (other !== button) other.disabled = !other.dataset.token;
  }, SETTLE_MS);
}

function busy(button, group, yes) {
  for (const one of group) one.disabled = yes || !one.dataset.token;
  if (yes) button.setAttribute("aria-busy", "true");
  else button.removeAttribute("aria-busy");
}

function tell(button, words) {
  const place = button.closest(".buttons").nextElementSibling;
  if (!place?.classList.contains("click-answer")) return;
  place.textContent = words;
  place.hidden = !words;
}
