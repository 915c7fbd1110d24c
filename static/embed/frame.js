"use strict";

// In a frame: report the height of the page, the seconds that its token is valid, and the plan that was chosen.
// The messages go to any origin, because they contain nothing secret and the policy of the page limits who frames it.
(() => {
  if (window.parent === window) return;
  const { seconds } = document.body.dataset;
  const loaded = performance.now();

  const send = (message) => window.parent.postMessage({ source: "tollbook", ...message }, "*");
  const report = () => {
    const height = document.documentElement.offsetHeight;
    const left = seconds === undefined ? undefined : Number(seconds) - (performance.now() - loaded) / 1000;
    send({ height, seconds: left });
  };

  report(); // browsers don't render a frame below the fold, and so observe no sizes there
  new ResizeObserver(report).observe(document.body);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-plan]");
    if (button !== null) send({ plan: button.dataset.plan });
  });
})();
