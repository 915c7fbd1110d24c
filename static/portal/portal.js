/*
 * Live refresh, and nothing else: the pages are complete without it.
 *
 * While the page is visible, it is requested again every 30 seconds, and its elements with [data-live] are replaced
 * where they have changed. An element with the focus, or with an opened detail, stays until the next time. The header
 * tells the server that nobody is looking for certain, so that the session ends all the same.
 */
(() => {
  "use strict";
  const EVERY_MS = 30000;
  const parts = () => document.querySelectorAll("[data-live]");
  if (!parts().length) return;
  let timer = 0;

  const isInUse = (part) => part.contains(document.activeElement) || part.querySelector("details[open]");

  async function refresh() {
    let page;
    try {
      const response = await fetch(location.href, { headers: { "X-Live-Refresh": "1" }, redirect: "error" });
      if (!response.ok) return;
      page = new DOMParser().parseFromString(await response.text(), "text/html");
    } catch {
      return; // offline or signed out: the page keeps its figures, and says from when they are
    }
    for (const part of parts()) {
      const fresh = page.getElementById(part.id);
      if (fresh && !fresh.isEqualNode(part) && !isInUse(part)) part.replaceWith(document.adoptNode(fresh));
    }
  }

  function start() {
    clearInterval(timer);
    if (document.hidden) return;
    timer = setInterval(refresh, EVERY_MS);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
    start();
  });
  start();
})();
