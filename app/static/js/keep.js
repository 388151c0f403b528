/* Keeps long texts (textarea[data-keep]) in this tab until they are saved, so that an expired session loses nothing.
   Kept by person and address; another person's texts, and all at sign-out, are removed. */
(() => {
  const PREFIX = "vien-keep|";
  const SENT = "vien-keep-sent";
  const person = () => document.querySelector('meta[name="person"]')?.content ?? "";
  const keyOf = (area) => `${PREFIX}${person()}|${location.pathname}|${area.name}`;
  const plain = (text) => text.replace(/\r\n/g, "\n").trim();

  function store(action) {
    try {
      return action(sessionStorage);
    } catch {
      return null; // storage switched off or full: the page works without
    }
  }

  const keptKeys = (storage) => Object.keys(storage).filter((key) => key.startsWith(PREFIX));
  const forget = (unwanted) => store((storage) => keptKeys(storage).filter(unwanted).forEach((key) => storage.removeItem(key)));
  const sentKeys = () => JSON.parse(store((storage) => storage.getItem(SENT)) ?? "[]");
  const clearSent = () => store((storage) => storage.removeItem(SENT));

  function save(area) {
    store((storage) => storage.setItem(keyOf(area), area.value));
  }

  function restore(area) {
    const kept = store((storage) => storage.getItem(keyOf(area)));
    if (kept === null || plain(kept) === plain(area.value)) return;
    area.value = kept;
    if (area.nextElementSibling?.matches(".field__restored")) return;
    const note = document.createElement("p");
    note.className = "field__hint field__restored";
    note.setAttribute("role", "status");
    area.after(note);
    note.textContent = document.querySelector('meta[name="messages"]')?.dataset.restored ?? "";
  }

  // A page that a signed-in person sees after submitting, and that reports no failure, means that the text was saved.
  function settleSent() {
    const failed = !person() || document.querySelector(".error-summary, [data-unsaved]");
    if (!failed) {
      const sent = sentKeys();
      const stillOpen = [...document.querySelectorAll("textarea[data-keep]")].filter((area) => {
        const kept = store((storage) => storage.getItem(keyOf(area)));
        // A text that the server has written on below what was sent is saved, too.
        return sent.includes(keyOf(area)) && kept !== null && !plain(area.value).startsWith(plain(kept));
      });
      if (!stillOpen.length) forget((key) => sent.includes(key));
    }
    clearSent();
  }

  const restoreAll = () => document.querySelectorAll("textarea[data-keep]").forEach(restore);
  const areasOf = (form) => [...(form?.querySelectorAll?.("textarea[data-keep]") ?? [])];

  document.addEventListener("input", (event) => {
    if (event.target.matches?.("textarea[data-keep]")) save(event.target);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-sign-out]")) {
      forget(() => true);
      return;
    }
    const keys = areasOf(event.target).map(keyOf);
    if (keys.length) store((storage) => storage.setItem(SENT, JSON.stringify(keys)));
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail;
    const keys = areasOf(ctx.request.form).map(keyOf);
    if (!keys.length || ctx.hx?.redirect || ctx.response.raw.redirected) return; // the next page tells
    clearSent();
    if (ctx.response.status < 300) forget((key) => keys.includes(key));
  });
  document.addEventListener("htmx:after:swap", restoreAll);
  document.addEventListener("DOMContentLoaded", () => {
    if (person()) forget((key) => !key.startsWith(`${PREFIX}${person()}|`));
    settleSent();
    restoreAll();
  });
})();
