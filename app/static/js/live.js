/* Keeps parts of a page current. A part says of what it tells (data-live="queue worklist") and how often it is asked for
   where no stream is there (data-live-every, seconds); htmx asks for it at the event "live". A stream only says that
   something changed. It is left while nobody looks at the page, and found again from the last event on. */
(() => {
  const SLOW = 120; // seconds, while a stream tells what changes
  const HIDDEN = 60_000;
  const LONGEST = 60_000;
  const asked = new Map();
  let source = null;
  let connected = false;
  let over = false;
  let last = "";
  let pause = 1_000;
  let retry = 0;
  let hidden = 0;
  let gathering = 0;
  const due = new Set();

  const parts = () => [...document.querySelectorAll("[data-live]")];
  const topicsOf = (part) => part.dataset.live.split(" ").filter(Boolean);
  const isAlways = () => Boolean(document.querySelector("[data-live-always]"));
  const idOf = (part) => part.id || part.dataset.live;

  function ask(part) {
    asked.set(idOf(part), Date.now());
    part.dispatchEvent(new CustomEvent("live"));
  }

  // What changes several times at once is asked for once.
  function gather(part, wait) {
    due.add(idOf(part));
    if (gathering) return;
    gathering = setTimeout(() => {
      gathering = 0;
      for (const one of parts()) if (due.has(idOf(one))) ask(one);
      due.clear();
    }, wait);
  }

  function say(state) {
    connected = state;
    for (const place of document.querySelectorAll("[data-live-state]")) {
      place.textContent = connected ? place.dataset.on : place.dataset.off;
      place.classList.toggle("live-state--on", connected);
    }
  }

  function changed(event) {
    last = event.lastEventId || last;
    const { topic, key } = JSON.parse(event.data);
    for (const part of parts()) {
      const wanted = part.dataset.liveKey || "";
      if (topicsOf(part).includes(topic) && (!wanted || !key || wanted === key)) gather(part, 120);
    }
  }

  function everything(event) {
    last = event.lastEventId || last;
    for (const part of parts()) gather(part, 200 + Math.random() * 1_500);
  }

  function leave() {
    clearTimeout(retry);
    source?.close();
    source = null;
    say(false);
  }

  function later(wait) {
    leave();
    retry = setTimeout(connect, wait * (0.5 + Math.random()));
  }

  function connect() {
    const base = document.querySelector('meta[name="live"]')?.content;
    const topics = [...new Set(parts().flatMap(topicsOf))];
    if (!base || !topics.length || source || over || !window.EventSource) return;
    const address = new URL(base, location.href);
    address.searchParams.set("poll", "1");
    address.searchParams.set("topics", topics.join(","));
    if (last) address.searchParams.set("after", last);
    source = new EventSource(address, { withCredentials: true });
    source.addEventListener("open", (event) => {
      if (!(event instanceof MessageEvent)) return; // the connection's own; the stream says so itself
      last = event.lastEventId || last;
      pause = 1_000;
      say(true);
    });
    source.addEventListener("change", changed);
    source.addEventListener("everything", everything);
    source.addEventListener("moving", () => later(600));
    source.addEventListener("over", () => {
      over = true;
      leave();
      parts().forEach(ask); // the answer leads to where signing in is asked for
    });
    source.addEventListener("error", () => {
      say(false);
      if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      later(pause);
      pause = Math.min(pause * 2, LONGEST);
    });
  }

  function tick() {
    if (document.hidden && !isAlways()) return;
    for (const part of parts()) {
      const every = Number(part.dataset.liveEvery || 30);
      const wait = (connected ? Math.max(every, Number(part.dataset.liveSlow || SLOW)) : every) * 1_000;
      if (!asked.has(idOf(part))) asked.set(idOf(part), "liveNow" in part.dataset ? 0 : Date.now());
      if (Date.now() - asked.get(idOf(part)) >= wait) ask(part);
    }
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    if (isAlways()) return;
    if (document.hidden) hidden = setTimeout(leave, HIDDEN);
    else {
      tick();
      connect();
    }
  });
  // A page that came with another version than it was opened with is loaded anew: a screen stays open for months.
  document.addEventListener("htmx:after:swap", () => {
    const now = document.querySelector("[data-live-version]")?.dataset.liveVersion;
    const first = document.querySelector('meta[name="version"]')?.content;
    if (now && first && now !== first) location.reload();
    say(connected);
  });
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", (event) => event.persisted && connect());
  document.addEventListener("DOMContentLoaded", () => {
    if (!parts().length) return;
    say(false);
    tick();
    connect();
    setInterval(tick, 1_000);
  });
})();
