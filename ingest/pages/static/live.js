// Load the essay with its comments again whenever something of it was read, and tell a screen reader by its live region.
const FINAL = ["completed", "partial", "failed", "superseded", "cancelled"];
const AGAIN_MS = 20000;
let isLoading = false;
let isOutdated = false;

// One at a time: the place that a second load would fill is replaced by the first.
const load = async () => {
  isOutdated = true;
  if (isLoading) return;
  isLoading = true;
  while (isOutdated) {
    isOutdated = false;
    await htmx.ajax("GET", location.href, { target: "#paper", select: "#paper", swap: "outerHTML" }).catch(() => {});
  }
  isLoading = false;
};

const follow = (paper) => {
  const events = new EventSource(paper.dataset.events);
  events.addEventListener("status", (event) => {
    if (FINAL.includes(JSON.parse(event.data).status)) events.close();
    if (event.lastEventId !== document.getElementById("paper").dataset.state) load();
  });
  events.addEventListener("error", () => {
    // The browser connects again by itself, unless the server refused the stream: then ask now and then.
    if (events.readyState !== EventSource.CLOSED) return;
    const asking = setInterval(() => (document.getElementById("paper").dataset.events ? load() : clearInterval(asking)), AGAIN_MS);
  });
};

const paper = document.getElementById("paper");
if (paper.dataset.events) follow(paper);
