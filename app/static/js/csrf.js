/* Sends the page's CSRF token with every htmx request that changes something. */
(() => {
  document.addEventListener("htmx:config:request", (event) => {
    const request = event.detail.ctx.request;
    if (/^(GET|HEAD|OPTIONS)$/i.test(request.method)) return;
    const token = document.querySelector('meta[name="csrf-token"]');
    if (token) request.headers["X-CSRFToken"] = token.content;
  });
})();
