// What a browser remembers. A browser that refuses to remember only forgets.
const from = (area) => ({
  get(key) {
    try { return area().getItem(`tocsin.${key}`); } catch { return null; }
  },
  set(key, value) {
    try {
      if (value) area().setItem(`tocsin.${key}`, value);
      else area().removeItem(`tocsin.${key}`);
    } catch { /* full or forbidden: the page works without */ }
  },
});

export const kept = from(() => localStorage);
export const tab = from(() => sessionStorage);
