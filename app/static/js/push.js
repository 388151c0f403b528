/* Switches notifications of this browser on and off: asks the browser, and sends its answer as an ordinary form. */
(() => {
  const part = document.querySelector("[data-push]");
  if (!part || !("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) return;
  const on = part.querySelector("form[data-push-on]");
  const off = part.querySelector("form[data-push-off]");
  const said = part.querySelector("[data-failed]");

  const decode = (text) => {
    const base64 = text.replace(/-/g, "+").replace(/_/g, "/");
    return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
  };
  const worker = new URL(part.dataset.worker, location.origin);
  worker.searchParams.set("home", part.dataset.home);
  const scope = new URL(`${part.dataset.scope}/`, worker).pathname;
  const own = () => navigator.serviceWorker.getRegistration(scope);
  const standing = async () => {
    const registration = await own();
    return registration && new URL(registration.scope).pathname === scope ? registration.pushManager.getSubscription() : null;
  };

  const show = async () => {
    const subscription = await standing();
    const known = subscription && part.dataset.endpoints.split(" ").includes(await digest(subscription.endpoint));
    on.hidden = Boolean(known);
    off.hidden = !known;
    if (known) off.elements.endpoint.value = subscription.endpoint;
    part.querySelector("[data-unsupported]").hidden = true;
  };

  const digest = async (text) => {
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  const active = (registration) =>
    new Promise((resolve) => {
      const coming = registration.installing || registration.waiting;
      if (!coming) return resolve(registration);
      coming.addEventListener("statechange", () => coming.state === "activated" && resolve(registration));
    });

  on.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    const button = on.querySelector("button");
    button.disabled = true;
    try {
      if ((await Notification.requestPermission()) !== "granted") throw new Error("refused");
      const registration = await active(await navigator.serviceWorker.register(worker, { scope }));
      const options = { userVisibleOnly: true, applicationServerKey: decode(part.dataset.key) };
      const subscription = (await registration.pushManager.subscribe(options)).toJSON();
      on.elements.endpoint.value = subscription.endpoint;
      on.elements.p256dh.value = subscription.keys.p256dh;
      on.elements.auth.value = subscription.keys.auth;
      on.submit();
    } catch {
      said.textContent = said.dataset.failed;
      button.disabled = false;
    }
  });

  off.addEventListener("submit", async (event) => {
    event.preventDefault();
    const subscription = await standing();
    if (subscription) await subscription.unsubscribe().catch(() => false);
    off.submit();
  });

  show();
})();
