/* Ctrl+K (or Cmd+K) goes to the search that the page marks with data-shortcut="search". */
(() => {
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    const search = document.querySelector('[data-shortcut="search"]');
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
})();
