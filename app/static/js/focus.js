/* Keeps the keyboard where the person is: at the error summary when there is one, and never lost by a swap. */
(() => {
  let focusedBefore = null;

  function prefixTitle(summary) {
    const prefix = summary.dataset.titlePrefix ?? "";
    if (!document.title.startsWith(prefix)) document.title = prefix + document.title;
  }

  function unprefixTitle() {
    const prefix = document.documentElement.dataset.errorPrefix;
    if (prefix && document.title.startsWith(prefix)) document.title = document.title.slice(prefix.length);
  }

  function focusErrors(root) {
    const summary = root.querySelector(".error-summary[autofocus]");
    if (!summary) return false;
    document.documentElement.dataset.errorPrefix = summary.dataset.titlePrefix ?? "";
    prefixTitle(summary);
    summary.focus();
    return true;
  }

  function isLost() {
    const active = document.activeElement;
    return !active || active === document.body || !active.isConnected;
  }

  function focusBeginning(area) {
    const place = area.querySelector("[autofocus], h1, h2, h3") ?? area;
    if (!place.matches("a[href], button, input, select, textarea, [tabindex]")) place.setAttribute("tabindex", "-1");
    place.focus({ preventScroll: true });
  }

  document.addEventListener("htmx:before:swap", () => {
    focusedBefore = document.activeElement === document.body ? null : document.activeElement;
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const target = event.detail.ctx.target;
    const area = target?.isConnected ? target : target?.id && document.getElementById(target.id);
    if (!area) return;
    if (focusErrors(area)) return;
    if (!document.querySelector(".error-summary")) unprefixTitle();
    if (focusedBefore && isLost()) focusBeginning(area);
  });
  document.addEventListener("DOMContentLoaded", () => focusErrors(document));
})();
