/* Speaks through the live regions: flashed messages after load, and htmx requests that failed. */
(() => {
  const words = () => document.querySelector('meta[name="messages"]')?.dataset ?? {};

  function alert(text) {
    const region = document.getElementById("alert");
    if (!region || !text) return;
    const notice = document.createElement("p");
    notice.className = "notice notice--danger";
    notice.textContent = text;
    region.replaceChildren(notice);
  }

  // A live region speaks of what is put into it later, not of what it holds at load.
  function moveFlashed() {
    const flashed = document.getElementById("flashed");
    if (!flashed) return;
    setTimeout(() => {
      for (const notice of [...flashed.children]) {
        document.getElementById(notice.matches(".notice--danger") ? "alert" : "flash")?.append(notice);
      }
    }, 100);
  }

  document.addEventListener("htmx:response:error", (event) => {
    if (event.detail.ctx.response.status >= 500) alert(words().failed);
  });
  document.addEventListener("htmx:error", (event) => {
    const { ctx } = event.detail;
    if (ctx && !ctx.response) alert(words().offline);
  });
  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.response.status < 400) document.getElementById("alert")?.replaceChildren();
  });
  document.addEventListener("DOMContentLoaded", moveFlashed);
})();
