/* Shows that there is a message, and opens the portal when it is touched. What is pushed says nothing more. */
const home = (() => {
  const wanted = new URL(self.location.href).searchParams.get("home") || "/";
  return new URL(wanted, self.location.origin).origin === self.location.origin ? wanted : "/";
})();

self.addEventListener("push", (event) => {
  let body = "";
  try {
    body = event.data.json().body;
  } catch {
    body = "";
  }
  event.waitUntil(self.registration.showNotification("Vien", { body, tag: `vien:${home}`, data: home }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(home));
});
