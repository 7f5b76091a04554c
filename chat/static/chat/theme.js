// Loaded before the first paint: the chosen appearance, kept in this browser.
(() => {
  const KEY = "theme";
  const root = document.documentElement;

  const stored = () => {
    try {
      return localStorage.getItem(KEY) || "auto";
    } catch {
      return "auto"; // storage can be forbidden; then the choice lasts for this page
    }
  };

  const apply = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };

  apply(stored());

  document.addEventListener("DOMContentLoaded", () => {
    for (const choice of document.querySelectorAll("#theme input")) {
      choice.checked = choice.value === stored();
    }
  });

  document.addEventListener("change", ({ target }) => {
    if (!target.matches("#theme input")) return;
    apply(target.value);
    try {
      localStorage.setItem(KEY, target.value);
    } catch {
      // as above
    }
  });

  addEventListener("storage", ({ key }) => {
    if (key === KEY) apply(stored());
  });
})();
