// Loaded before the first paint: the chosen appearance, kept in this browser.
(() => {
  const root = document.documentElement;
  const kept = (act) => {
    try {
      return act(localStorage);
    } catch {
      return null; // storage can be forbidden; then the choice lasts for this page
    }
  };
  const stored = () => kept((all) => all.getItem("theme")) ?? "auto";
  const apply = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };

  apply(stored());
  addEventListener("storage", () => apply(stored()));
  addEventListener("DOMContentLoaded", () => {
    for (const choice of document.querySelectorAll("#theme input")) choice.checked = choice.value === stored();
  });
  addEventListener("change", ({ target }) => {
    if (!target.matches("#theme input")) return;
    apply(target.value);
    kept((all) => all.setItem("theme", target.value));
  });
})();
