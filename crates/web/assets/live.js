/**
 * Keeps an open page true: listens to its event stream, changes the part that changes, and loads the
 * page anew where the person has moved on to another one. Other scripts hear of it by
 * `anteroom:changed` (detail: the event's data), on `document`.
 */
import { backoffMs } from './backoff.js';
import { answers, goWhenThere, postForm } from './http.js';
import { morphChildren } from './morph.js';

const SHOWN_AS_LOST_AFTER_MS = 3_000;
// The server sends `ping` every 20 s; a stream that is dead but looks open shows by silence.
const LONGEST_SILENCE_MS = 50_000;
// After so many failures in a row the page loads itself: the session may be over, or something on the
// way lets no event stream through.
const FAILURES_BEFORE_RELOAD = 5;

const live = document.getElementById('live');
const lost = document.getElementById('connection');
const announcement = document.getElementById('announcement');
const { page } = document.body.dataset;

let stream = null;
let lastEvent = document.body.dataset.lastEvent;
let failures = 0;
let retryTimer;
let lostTimer;
let silenceTimer;
let finished = false;

function listen() {
  clearTimeout(retryTimer);
  stream?.close();
  if (finished) return;

  const url = new URL(document.body.dataset.events, location.href);
  url.searchParams.set('after', lastEvent);
  stream = new EventSource(url);
  stream.addEventListener('open', onOpen);
  stream.addEventListener('changed', (event) => remember(event) && show(JSON.parse(event.data)));
  stream.addEventListener('ping', expectPing);
  stream.addEventListener('replaced', goToReplaced);
  // The server stops and will be back: nothing to worry the reader with.
  stream.addEventListener('bye', () => retryIn(1_000 + Math.random() * 3_000));
  stream.addEventListener('error', onError);
}

function retryIn(ms) {
  stream.close();
  clearTimeout(silenceTimer);
  clearTimeout(retryTimer);
  retryTimer = setTimeout(listen, ms);
}

function onOpen() {
  failures = 0;
  clearTimeout(lostTimer);
  lostTimer = undefined;
  lost.hidden = true;
}

function onError() {
  failures += 1;
  lostTimer ??= setTimeout(() => (lost.hidden = false), SHOWN_AS_LOST_AFTER_MS);
  if (failures >= FAILURES_BEFORE_RELOAD) reloadIfServerAnswers();
  retryIn(backoffMs(failures));
}

function expectPing() {
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(listen, LONGEST_SILENCE_MS);
}

function remember(event) {
  if (event.lastEventId) lastEvent = event.lastEventId;
  return true;
}

/** Never while a call or a device test is going on (`data-busy`). */
async function reloadIfServerAnswers() {
  if (document.querySelector('[data-busy]')) return;
  if (await answers(location.href)) location.replace(location.href);
}

function show(change) {
  if (change.page !== page) {
    finished = true;
    stream.close();
    clearTimeout(silenceTimer);
    goWhenThere();
    return;
  }
  document.title = change.title;
  document.body.dataset.state = change.state;
  const wanted = document.createElement('template');
  wanted.innerHTML = change.html;
  morphChildren(live, wanted.content);
  announce(change.announce);
  document.dispatchEvent(new CustomEvent('anteroom:changed', { detail: change }));
}

function announce(sentence) {
  if (announcement.dataset.said === sentence) return;
  announcement.dataset.said = sentence;
  announcement.textContent = sentence;
}

/** Another window has taken the seat. */
function goToReplaced() {
  if (finished) return;
  finished = true;
  stream.close();
  clearTimeout(silenceTimer);
  goWhenThere(new URL('replaced', stream.url));
}

/** A form with `data-stays` is sent without leaving the page: a call goes on meanwhile. */
async function sendInPlace(event) {
  const form = event.target;
  if (!form.hasAttribute('data-stays')) return;
  event.preventDefault();
  if (form.hasAttribute('data-sending')) return;
  form.setAttribute('data-sending', '');
  try {
    await postForm(form);
    form.closest('details')?.removeAttribute('open');
  } catch (error) {
    form.querySelector('.form-problem')?.remove();
    const problem = document.createElement('p');
    problem.className = 'form-problem';
    problem.setAttribute('role', 'alert');
    problem.textContent = error.name === 'Refused' ? error.message : 'That did not get through. Try again.';
    form.append(problem);
  } finally {
    form.removeAttribute('data-sending');
  }
}

document.addEventListener('submit', sendInPlace);
document.addEventListener('anteroom:taken-elsewhere', goToReplaced);
// A phone that slept may hold a dead stream.
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && listen());
addEventListener('online', listen);
addEventListener('pageshow', (event) => event.persisted && location.reload());
addEventListener('pagehide', () => stream?.close());
listen();
