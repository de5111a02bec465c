/**
 * Why a browser gave no camera or microphone, and what the person can do about it.
 *
 * Kinds: `denied` by the person, `denied-by-system`, `embedder` (the page around this one does not
 * pass the device on), `not-found`, `in-use`, `insecure` (no https), `app-browser` (an app's built-in
 * browser without these devices), `unknown`.
 */

/** What the browser says about the place that this page runs in. */
export function situation(feature, scope = globalThis) {
  const policy = scope.document.permissionsPolicy ?? scope.document.featurePolicy;
  return {
    secure: scope.isSecureContext,
    hasDevices: Boolean(scope.navigator.mediaDevices?.getUserMedia),
    framed: scope.self !== scope.top,
    allowedByPolicy: policy ? policy.allowsFeature(feature) : null,
  };
}

// Nobody answers a question faster than this.
const FASTER_THAN_A_PERSON_MS = 300;

/**
 * Tells the kinds apart. `permission` is what `navigator.permissions` said before ("granted",
 * "denied", "prompt" or null where it cannot say), `tookMs` how long the browser thought.
 */
export function kindOf(error, { secure, hasDevices, framed, allowedByPolicy }, { permission = null, tookMs = Infinity } = {}) {
  if (!hasDevices) return secure ? 'app-browser' : 'insecure';
  switch (error?.name) {
    case 'NotAllowedError':
      if (allowedByPolicy === false) return 'embedder';
      if (/system/i.test(error.message)) return 'denied-by-system';
      // Firefox and Safari do not tell their policy; a refusal without a question gives it away.
      if (framed && allowedByPolicy === null && permission !== 'denied' && tookMs < FASTER_THAN_A_PERSON_MS) return 'embedder';
      return 'denied';
    case 'SecurityError':
      return framed ? 'embedder' : 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'not-found';
    case 'NotReadableError':
    case 'AbortError':
      return 'in-use';
    case 'TypeError':
      return secure ? 'app-browser' : 'insecure';
    default:
      return 'unknown';
  }
}

/** What happened and what to do, in two sentences. `device` is "camera" or "microphone". */
export function explain(kind, device) {
  switch (kind) {
    case 'denied':
      return {
        happened: `Your browser does not let this page use the ${device}.`,
        advice: `Select the icon beside the page’s address, allow the ${device}, then try again.`,
      };
    case 'denied-by-system':
      return {
        happened: `Your device does not let this browser use the ${device}.`,
        advice: `Open your device’s privacy settings and allow the ${device} for this browser.`,
      };
    case 'embedder':
      return {
        happened: `The page around this one keeps the ${device} from it.`,
        advice: 'Open the visit in a new window.',
      };
    case 'not-found':
      return { happened: `No ${device} was found.`, advice: `Connect a ${device}, then try again.` };
    case 'in-use':
      return {
        happened: `The ${device} could not be started.`,
        advice: `Close other programs that use the ${device}, then try again.`,
      };
    case 'insecure':
      return {
        happened: 'This page was not opened over a secure connection.',
        advice: 'Open the link that you were given again.',
      };
    case 'app-browser':
      return {
        happened: `This app does not let pages use the ${device}.`,
        advice: 'Open the visit in Safari or Chrome instead.',
      };
    default:
      return { happened: `The ${device} could not be started.`, advice: 'Try again, or use another browser.' };
  }
}

/** The reason code of a device test result (`Reason` on the server). */
export function reasonCode(kind, device) {
  switch (kind) {
    case 'embedder':
      return 'blocked-by-embedder';
    case 'insecure':
    case 'app-browser':
      return 'no-media-in-this-browser';
    case 'not-found':
    case 'in-use':
      return `${device}-${kind}`;
    case 'unknown':
      return `${device}-in-use`;
    default:
      return `${device}-denied`;
  }
}
