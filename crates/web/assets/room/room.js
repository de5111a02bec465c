/** The room: brings the parts together and says in words how things stand. */
import { goWhenThere } from '../http.js';
import { explain, situation } from '../media/errors.js';
import { Controls } from './controls.js';
import { LocalMedia } from './local-media.js';
import { Session } from './session.js';
import { Tiles } from './tiles.js';
import { CALL_STATES, aloneWords, missingWords } from './words.js';

const REFUSED_RELOAD_MS = 3_000;

const byId = (id) => document.getElementById(id);
const room = byId('room');
const { me, joinUrl } = room.dataset;
let people = JSON.parse(room.dataset.people);

const local = new LocalMedia();
const tiles = new Tiles(byId('tiles'), me, () => (byId('play-sound').hidden = false));
const controls = new Controls(local, (deviceId) => tiles.setSpeaker(deviceId));
let session = null;
let wakeLock = null;

async function join() {
  byId('before-join').hidden = true;
  byId('play-sound').hidden = true;
  controls.show();
  tiles.setPeople(people);
  // The devices are opened while the connection is made, and plugged in when they are there.
  const devices = local.start({ onQuestion: () => notice('Look for your browser’s question and choose Allow.') });
  session = new Session(joinUrl, local, { state: showState, streams: showStreams, over: leaveTo });
  const running = session.run();
  await devices;
  if (session) showMissing();
  await running;
}

function showState(state, message) {
  room.dataset.call = state;
  room.toggleAttribute('data-busy', state !== 'before');
  byId('call-state').textContent = message ?? CALL_STATES[state];
  showAlone();
  if (state === 'connected') keepAwake();
}

function showStreams(streams) {
  tiles.setStreams(streams);
  showAlone();
}

function showAlone() {
  const words = room.dataset.call === 'connected' ? aloneWords(people, me) : '';
  byId('stage-message').textContent = words;
  byId('stage-message').hidden = words === '';
}

/** Removed and ended have pages of their own, and so has a person who is not let in. */
function leaveTo(reason) {
  stop();
  if (reason === 'replaced') {
    document.dispatchEvent(new CustomEvent('anteroom:taken-elsewhere'));
    return;
  }
  // A refusal that the page does not know of yet must not make it load in a circle.
  setTimeout(goWhenThere, reason === 'refused' ? REFUSED_RELOAD_MS : 0);
}

function stop() {
  session?.close();
  session = null;
  local.stop();
  wakeLock?.release();
}

function notice(...sentences) {
  const element = byId('media-notice');
  element.replaceChildren(...sentences.map(paragraph));
  element.hidden = sentences.length === 0;
}

function paragraph(text) {
  const element = document.createElement('p');
  element.textContent = text;
  return element;
}

function showMissing() {
  const missing = { microphone: local.problems.audio, camera: local.problems.camera };
  const [device, kind] = Object.entries(missing).find(([, problem]) => problem) ?? [];
  if (!kind) return notice();
  const { happened, advice } = explain(kind, missing.microphone && missing.camera ? 'camera and microphone' : device);
  notice(missingWords(missing), happened, advice);
  byId('media-notice').append(tryAgainButton());
  const newWindow = byId('new-window');
  if (newWindow) newWindow.hidden = !['embedder', 'app-browser'].includes(kind);
}

function tryAgainButton() {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'button small';
  button.textContent = 'Try again';
  button.addEventListener('click', () => local.retry());
  return button;
}

function showSelf() {
  const track = local.tracks.camera;
  const view = byId('self-view');
  view.hidden = !track;
  const video = view.querySelector('video');
  video.srcObject = track ? new MediaStream([track]) : null;
  if (track) video.play().catch(() => {});
  view.dataset.mirrored = String(track?.getSettings().facingMode !== 'environment');
}

/** A phone must not fall asleep over a visit. */
async function keepAwake() {
  if (situation('screen-wake-lock').allowedByPolicy === false) return;
  try {
    wakeLock = await navigator.wakeLock?.request('screen');
  } catch {
    // Low battery, or a hidden page; the visit goes on.
  }
}

byId('join').addEventListener('click', join);
// Until here a press would be lost.
byId('join').disabled = false;
byId('play-sound').addEventListener('click', async () => {
  await tiles.playSound();
  byId('play-sound').hidden = true;
});
local.addEventListener('track', ({ detail }) => {
  if (detail === 'camera') showSelf();
  if (session && !byId('media-notice').hidden) showMissing();
});
local.addEventListener('problem', () => session && showMissing());
document.addEventListener('anteroom:changed', ({ detail }) => {
  people = detail.people;
  tiles.setPeople(people);
  showAlone();
});
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && session) keepAwake();
});
addEventListener('online', () => session?.nudge());
navigator.connection?.addEventListener?.('change', () => session?.nudge());
// The others see at once that this person is gone.
addEventListener('pagehide', stop);

showState('before');
if (room.dataset.starts === 'itself') join();
