/**
 * The connection check: a real WebRTC connection to the server's media port, and probes over an
 * unreliable data channel that the server echoes.
 */
import { postJson } from '../http.js';
import { summarise } from './verdict.js';

const PROBES = 100;
const EVERY_MS = 50;
const LAST_ECHO_MS = 1_000;
const FIRST_CONTACT_MS = 8_000;

/** What `judgeConnection` takes. */
export async function measure(url) {
  if (!globalThis.RTCPeerConnection) return { failed: 'not-tested' };
  let reached = false;
  for (const transport of ['udp', 'tcp']) {
    try {
      const metrics = await over(transport, url, () => (reached = true));
      if (metrics) return { metrics };
    } catch {
      // The server did not answer: its other transport may not be tested either.
    }
  }
  return { failed: reached ? 'no-path' : 'not-tested' };
}

async function over(transport, url, onAnswer) {
  const peer = new RTCPeerConnection();
  try {
    const channel = peer.createDataChannel('check', { ordered: false, maxRetransmits: 0 });
    const open = opened(channel);
    await peer.setLocalDescription();
    const { sdp } = await postJson(url, { sdp: peer.localDescription.sdp, transport });
    onAnswer();
    await peer.setRemoteDescription({ type: 'answer', sdp });
    return (await open) ? summarise(await probe(channel), transport) : null;
  } finally {
    peer.close();
  }
}

/** Whether the channel opens in time. */
function opened(channel) {
  return new Promise((resolve) => {
    channel.addEventListener('open', () => resolve(true), { once: true });
    setTimeout(() => resolve(false), FIRST_CONTACT_MS);
  });
}

async function probe(channel) {
  const probes = [];
  channel.addEventListener('message', ({ data }) => {
    const echoed = probes[Number(data)];
    if (echoed) echoed.echoedAt ??= performance.now();
  });
  for (let number = 0; number < PROBES && channel.readyState === 'open'; number += 1) {
    probes.push({ sentAt: performance.now() });
    channel.send(String(number));
    await pause(EVERY_MS);
  }
  await pause(LAST_ECHO_MS);
  return probes;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
