// Keeps the lights of an open schedule true. It asks rather than listens, so
// that a restart of the simulated EHR needs no care.

const INTERVAL = 1500;
const announcement = document.querySelector("[data-announce]");

function show(light, connected) {
  const state = connected ? "connected" : "not-connected";
  if (light.dataset.state === state) return;
  const words = connected ? "connected" : "not connected";
  light.dataset.state = state;
  light.querySelector("[data-words]").textContent = words;
  announcement.textContent = `${light.dataset.who} is ${words}`;
}

async function update() {
  try {
    const response = await fetch("/sandbox/lights");
    const connected = await response.json();
    for (const light of document.querySelectorAll("[data-light]")) {
      show(light, connected.some((one) =>
        one.conference_id === light.dataset.conference && one.person === light.dataset.person));
    }
  } catch {
    // Not there at the moment; the next time tells.
  }
  setTimeout(update, INTERVAL);
}

update();
