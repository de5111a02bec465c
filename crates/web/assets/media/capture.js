import { kindOf, situation } from './errors.js';

const PERMISSION = { audio: 'microphone', video: 'camera' };
// Some people do not see the browser's question, and the promise then never settles.
const QUESTION_OVERLOOKED_AFTER_MS = 5_000;

/** A device that could not be had; `kind` is one of `media/errors.js`. */
export class CaptureError extends Error {
  constructor(kind, cause) {
    super(kind, { cause });
    this.kind = kind;
  }
}

/**
 * `getUserMedia`, with errors told apart. Wishes that no device meets are dropped. `onQuestion` is
 * called when the browser seems to wait for an answer.
 */
export async function capture(constraints, { onQuestion = () => {} } = {}) {
  const feature = PERMISSION[constraints.video ? 'video' : 'audio'];
  const place = situation(feature);
  if (!place.hasDevices) throw new CaptureError(kindOf(null, place));

  const permission = await permissionState(feature);
  const startedAt = performance.now();
  const overlooked = setTimeout(onQuestion, QUESTION_OVERLOOKED_AFTER_MS);
  try {
    return await withFewerWishes(constraints);
  } catch (error) {
    const tookMs = performance.now() - startedAt;
    throw new CaptureError(kindOf(error, place, { permission, tookMs }), error);
  } finally {
    clearTimeout(overlooked);
  }
}

async function withFewerWishes(constraints) {
  try {
    return await navigator.mediaDevices.getUserMedia(constraints);
  } catch (error) {
    if (error.name !== 'OverconstrainedError') throw error;
    const plain = { audio: Boolean(constraints.audio), video: Boolean(constraints.video) };
    return navigator.mediaDevices.getUserMedia(plain);
  }
}

async function permissionState(name) {
  try {
    return (await navigator.permissions.query({ name })).state;
  } catch {
    // Not every browser knows these names.
    return null;
  }
}
