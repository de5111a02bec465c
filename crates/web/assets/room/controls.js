import { LocalMedia } from './local-media.js';

// Found once: the page may be replaced by another while a device list is still on its way.
const IDS = ['controls', 'devices', 'microphone', 'camera', 'share', 'camera-choice', 'microphone-choice', 'speaker-choice'];
const parts = Object.fromEntries(IDS.map((id) => [id, document.getElementById(id)]));

/** Buttons, keys and device lists for this person's own media. `setSpeaker` takes a device id. */
export class Controls {
  #local;
  #setSpeaker;

  constructor(local, setSpeaker) {
    this.#local = local;
    this.#setSpeaker = setSpeaker;
    parts.microphone.addEventListener('click', () => this.#toggleMicrophone());
    parts.camera.addEventListener('click', () => this.#toggleCamera());
    parts.share.addEventListener('click', () => this.#toggleShare());
    parts['camera-choice'].addEventListener('change', (event) => local.choose('camera', event.target.value));
    parts['microphone-choice'].addEventListener('change', (event) => local.choose('audio', event.target.value));
    parts['speaker-choice'].addEventListener('change', (event) => setSpeaker(event.target.value));
    addEventListener('keydown', (event) => this.#onKey(event));
    local.addEventListener('track', () => this.#render());
    local.addEventListener('problem', () => this.#render());
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#listDevices());
  }

  /** Shows them, when the person has joined. */
  show() {
    parts.controls.hidden = false;
    parts.share.hidden = !LocalMedia.canShare();
    this.#render();
  }

  hide() {
    parts.controls.hidden = true;
    parts.devices.hidden = true;
  }

  #toggleMicrophone() {
    if (this.#local.tracks.audio) this.#local.setUnmuted(!this.#local.unmuted);
    else this.#local.retry();
  }

  #toggleCamera() {
    this.#local.setCamera(!this.#local.tracks.camera);
  }

  #toggleShare() {
    if (this.#local.tracks.screen) this.#local.stopSharing();
    else this.#local.share();
  }

  #onKey(event) {
    const typing = event.target.closest?.('input, select, textarea');
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat || parts.controls.hidden) return;
    if (event.key.toLowerCase() === 'm') this.#toggleMicrophone();
    if (event.key.toLowerCase() === 'v') this.#toggleCamera();
  }

  #render() {
    const { tracks, unmuted } = this.#local;
    const heard = Boolean(tracks.audio) && unmuted;
    button('microphone', heard, heard ? 'Mute' : tracks.audio ? 'Unmute' : 'Microphone on');
    button('camera', Boolean(tracks.camera), tracks.camera ? 'Camera off' : 'Camera on');
    button('share', Boolean(tracks.screen), tracks.screen ? 'Stop sharing' : 'Share screen');
    this.#listDevices();
  }

  async #listDevices() {
    const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    const local = this.#local;
    const lists = [
      offer('camera-choice', devices, 'videoinput', local.deviceId('camera')),
      offer('microphone-choice', devices, 'audioinput', local.deviceId('audio')),
      // Only some browsers let a page choose the speaker.
      'setSinkId' in HTMLMediaElement.prototype && offer('speaker-choice', devices, 'audiooutput'),
    ];
    parts.devices.hidden = parts.controls.hidden || !lists.some(Boolean);
  }
}

function button(id, on, label) {
  const element = parts[id];
  element.dataset.on = String(on);
  element.querySelector('span').textContent = label;
}

/** Fills a list, and shows it where there is a choice. Names are known only after permission. */
function offer(id, devices, kind, current) {
  const select = parts[id];
  const named = devices.filter((device) => device.kind === kind && device.label !== '');
  select.parentElement.hidden = named.length < 2;
  if (named.length < 2) return false;
  const value = current ?? select.value;
  select.replaceChildren(...named.map((device) => new Option(device.label, device.deviceId)));
  if (named.some((device) => device.deviceId === value)) select.value = value;
  return true;
}
