/** As `duration_words` says it on the server. */
export function durationWords(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return 'less than 1 min';
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** As in "3:30 PM in your time zone (EST)", or null where the reader's clock shows the same. */
export function localTimeWords(moment, offsetMinutes) {
  if (-moment.getTimezoneOffset() === offsetMinutes) return null;
  const words = moment.toLocaleString(document.documentElement.lang, {
    weekday: 'long',
    hour: 'numeric',
    minute: '2-digit',
    timeZoneName: 'short',
  });
  return `${words} where you are`;
}

// The server's figure, and when this browser got it: the two clocks may differ.
const seen = new WeakMap();

function countOn() {
  for (const element of document.querySelectorAll('time[data-elapsed]')) {
    const figure = element.dataset.elapsed;
    let anchor = seen.get(element);
    if (anchor?.figure !== figure) {
      anchor = { figure, at: performance.now() };
      seen.set(element, anchor);
    }
    const words = durationWords(Number(figure) + (performance.now() - anchor.at) / 1000);
    if (element.textContent !== words) element.textContent = words;
  }
}

function addLocalTimes() {
  for (const element of document.querySelectorAll('time[data-offset-minutes]')) {
    const words = localTimeWords(new Date(element.dateTime), Number(element.dataset.offsetMinutes));
    if (words === null) continue;
    const local = document.createElement('span');
    local.className = 'local-time';
    local.textContent = words;
    element.after(local);
  }
}

if (globalThis.document) {
  addLocalTimes();
  countOn();
  setInterval(countOn, 5_000);
  document.addEventListener('anteroom:changed', countOn);
}
