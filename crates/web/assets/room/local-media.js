import { CaptureError, capture } from '../media/capture.js';

const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };

/**
 * This person's microphone, camera and shared screen.
 *
 * `track` events tell that a track came, went or was exchanged (detail: `audio`, `camera` or
 * `screen`); `problem` events that one could not be had.
 */
export class LocalMedia extends EventTarget {
  /** The tracks to send; null where there is none. */
  tracks = { audio: null, camera: null, screen: null };
  /** Why there is no track (`media/errors.js`); null where nothing is wrong. */
  problems = { audio: null, camera: null };
  /** Whether the person wants to be heard. */
  unmuted = true;

  #chosen = { audio: undefined, camera: undefined };

  /** Takes what can be had: both, or one of them, or none. Never throws. */
  async start({ onQuestion } = {}) {
    try {
      const stream = await capture({ audio: this.#audio(), video: this.#video() }, { onQuestion });
      this.#take('audio', stream.getAudioTracks()[0]);
      this.#take('camera', stream.getVideoTracks()[0]);
    } catch {
      // One of them may still be had.
      await this.#open('audio');
      await this.#open('camera');
    }
  }

  /** Tries anew what could not be had. */
  async retry() {
    if (this.problems.audio) await this.#open('audio');
    if (this.problems.camera) await this.#open('camera');
  }

  setUnmuted(unmuted) {
    this.unmuted = unmuted;
    if (this.tracks.audio) this.tracks.audio.enabled = unmuted;
    this.#tell('track', 'audio');
  }

  /** Off means that the camera's light goes out. */
  async setCamera(on) {
    if (on) await this.#open('camera');
    else this.#drop('camera');
  }

  /** Changes to another device. `kind` is `audio` or `camera`. */
  async choose(kind, deviceId) {
    this.#chosen[kind] = deviceId;
    if (kind === 'camera' && !this.tracks.camera) return;
    // A phone opens its second camera only when the first is closed.
    if (kind === 'camera') this.tracks.camera.stop();
    await this.#open(kind);
  }

  /** The id of the device in use. */
  deviceId(kind) {
    return this.tracks[kind]?.getSettings().deviceId;
  }

  static canShare() {
    return Boolean(globalThis.navigator.mediaDevices?.getDisplayMedia);
  }

  /** Asks which screen or window to show. A change of mind is no error. */
  async share() {
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false });
      const [track] = stream.getVideoTracks();
      track.contentHint = 'detail';
      this.#take('screen', track);
    } catch (error) {
      if (error.name !== 'NotAllowedError') throw error;
    }
  }

  stopSharing() {
    this.#drop('screen');
  }

  /** Closes everything. */
  stop() {
    for (const kind of Object.keys(this.tracks)) this.#drop(kind);
  }

  async #open(kind) {
    try {
      const wish = kind === 'audio' ? { audio: this.#audio() } : { video: this.#video() };
      const stream = await capture(wish);
      this.#take(kind, stream.getTracks()[0]);
    } catch (error) {
      this.problems[kind] = error instanceof CaptureError ? error.kind : 'unknown';
      this.#tell('problem', kind);
    }
  }

  #take(kind, track) {
    this.tracks[kind]?.stop();
    this.tracks[kind] = track;
    if (kind in this.problems) this.problems[kind] = null;
    if (kind === 'audio') track.enabled = this.unmuted;
    // Unplugged, or ended by the browser's own "Stop sharing".
    track.addEventListener('ended', () => this.tracks[kind] === track && this.#ended(kind));
    this.#tell('track', kind);
  }

  #ended(kind) {
    this.#drop(kind);
    if (kind === 'screen') return;
    this.#chosen[kind] = undefined;
    this.#open(kind);
  }

  #drop(kind) {
    if (!this.tracks[kind]) return;
    this.tracks[kind].stop();
    this.tracks[kind] = null;
    this.#tell('track', kind);
  }

  #audio() {
    return this.#chosen.audio ? { ...AUDIO, deviceId: { exact: this.#chosen.audio } } : AUDIO;
  }

  #video() {
    return this.#chosen.camera ? { ...VIDEO, deviceId: { exact: this.#chosen.camera } } : { ...VIDEO, facingMode: 'user' };
  }

  #tell(type, kind) {
    this.dispatchEvent(new CustomEvent(type, { detail: kind }));
  }
}
