// Show every time in the zone of the reader's device. Without this script the page shows them in UTC and says so.
const zoned = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
const show = (root) => {
  for (const time of root.querySelectorAll("time[datetime]")) time.textContent = zoned.format(new Date(time.dateTime));
};
show(document);
document.addEventListener("htmx:load", (event) => show(event.detail.elt));
