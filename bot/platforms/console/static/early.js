// Runs before the first paint, so that the page does not flash in the wrong colours or jump.
(() => {
  const root = document.documentElement;
  const stored = (key) => {
    try { return localStorage.getItem(key); } catch { return null; }
  };
  const theme = stored("tocsin.theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const narrow = matchMedia("(max-width: 760px), (max-height: 560px)").matches;
  root.dataset.pinned = narrow ? "closed" : stored("tocsin.pinned") === "closed" ? "closed" : "open";
})();
