/**
 * A connection to the built-in room: one offer, one answer, no further negotiation. The offer brings
 * spare receiving m-lines; the server says over the data channel `anteroom` what each carries.
 */
import { backoffMs, waitOrOnline } from '../backoff.js';
import { postJson } from '../http.js';

// Screens that can be seen beside every camera.
const SPARE_SCREENS = 1;
const CAMERA_BITS_PER_SECOND = 1_500_000;
const SCREEN_BITS_PER_SECOND = 2_000_000;
const FIRST_CONTACT_MS = 12_000;
// ICE often heals by itself within this time (a change from one radio cell to the next).
const HEALS_BY_ITSELF_MS = 3_000;
const RESTARTS = 3;

/**
 * Joins with a ticket of kind `native`; `renew` fetches another one. `on` takes `state(name)` (`connecting`, `connected`,
 * `reconnecting`, `lost`: this connection is given up), `streams(list)` of
 * `{participant, kind, track}`, and `over(reason)` (`replaced`, `removed`, `ended`).
 */
export async function join(ticket, local, on, renew) {
  const connection = new NativeConnection(ticket, local, on, renew);
  try {
    await connection.open();
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

class NativeConnection {
  #ticket;
  #local;
  #on;
  #renew;
  #connection;
  #peer = new RTCPeerConnection();
  #channel = this.#peer.createDataChannel('anteroom');
  #senders = {};
  #timer;
  #restarting = false;
  #closed = false;

  constructor(ticket, local, on, renew) {
    this.#ticket = ticket;
    this.#local = local;
    this.#on = on;
    this.#renew = renew;
    this.#peer.setConfiguration({ iceServers: ticket.ice_servers ?? [] });
    this.#channel.addEventListener('message', (event) => this.#hear(JSON.parse(event.data)));
    this.#channel.addEventListener('open', () => this.#publish());
    this.#peer.addEventListener('connectionstatechange', () => this.#judge());
    local.addEventListener('track', this.#onTrack);
  }

  async open() {
    this.#addLines(this.#ticket.max_people - 1);
    this.#timer = setTimeout(() => this.#giveUp(), FIRST_CONTACT_MS);
    await this.#negotiate();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#local.removeEventListener('track', this.#onTrack);
    this.#peer.close();
  }

  /** The network has changed: does not wait for ICE to notice. */
  nudge() {
    if (['disconnected', 'failed'].includes(this.#peer.connectionState)) this.#restart();
  }

  #addLines(others) {
    const { tracks } = this.#local;
    const send = (kind, track, maxBitrate) => {
      const sendEncodings = maxBitrate ? [{ maxBitrate }] : undefined;
      return this.#peer.addTransceiver(track ?? kind, { direction: 'sendonly', sendEncodings }).sender;
    };
    const receive = (kind) => this.#peer.addTransceiver(kind, { direction: 'recvonly' });
    this.#senders = {
      audio: send('audio', tracks.audio),
      camera: send('video', tracks.camera, CAMERA_BITS_PER_SECOND),
      screen: send('video', tracks.screen, SCREEN_BITS_PER_SECOND),
    };
    for (let n = 0; n < others; n += 1) receive('audio');
    for (let n = 0; n < others + SPARE_SCREENS; n += 1) receive('video');
    for (const line of this.#peer.getTransceivers()) preferOneCodec(line);
  }

  /** `restart` names the connection to carry on. */
  async #negotiate(restart) {
    const offer = await this.#peer.createOffer({ iceRestart: restart !== undefined });
    await this.#peer.setLocalDescription(offer);
    // No candidates are waited for: the server learns this browser's address from its first packet.
    const request = { ticket: this.#ticket.ticket, sdp: offer.sdp, restart };
    const answer = await postJson(this.#ticket.offer_url, request);
    this.#connection = answer.connection;
    if (!this.#closed) await this.#peer.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
  }

  #onTrack = ({ detail: kind }) => {
    this.#senders[kind]?.replaceTrack(this.#local.tracks[kind]);
    this.#publish();
  };

  /** Tells what the others get: nothing of somebody who is muted, and a name in place of a frozen picture. */
  #publish() {
    if (this.#channel.readyState !== 'open') return;
    const kinds = Object.entries(this.#local.tracks).filter(([, track]) => track?.enabled).map(([kind]) => kind);
    this.#channel.send(JSON.stringify({ type: 'publish', kinds }));
  }

  #hear(message) {
    switch (message.type) {
      case 'slots':
        this.#on.streams(message.slots.map((slot) => this.#stream(slot)).filter((stream) => stream.track));
        break;
      case 'replaced':
      case 'removed':
      case 'ended':
        this.close();
        this.#on.over(message.type);
        break;
      case 'stopping':
        this.#lose();
        break;
    }
  }

  #stream({ mid, participant, kind }) {
    const line = this.#peer.getTransceivers().find((transceiver) => transceiver.mid === mid);
    return { participant, kind, track: line?.receiver.track };
  }

  #judge() {
    switch (this.#peer.connectionState) {
      case 'connected':
        clearTimeout(this.#timer);
        this.#on.state('connected');
        break;
      case 'disconnected':
        this.#on.state('reconnecting');
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#restart(), HEALS_BY_ITSELF_MS);
        break;
      case 'failed':
        this.#restart();
        break;
    }
  }

  /** New ICE credentials over the same connection: media goes on where it stopped. */
  async #restart() {
    if (this.#restarting || this.#closed) return;
    this.#restarting = true;
    clearTimeout(this.#timer);
    this.#on.state('reconnecting');
    for (let attempt = 0; attempt < RESTARTS && !this.#closed; attempt += 1) {
      try {
        // A ticket lives for minutes, a visit longer.
        this.#ticket = await this.#renew();
        await this.#negotiate(this.#connection);
        this.#restarting = false;
        this.#timer = setTimeout(() => this.#giveUp(), FIRST_CONTACT_MS);
        return;
      } catch (error) {
        // Refused: the server that held the room is gone. Only joining anew helps.
        if (error.name === 'Refused') break;
        await waitOrOnline(backoffMs(attempt));
      }
    }
    this.#giveUp();
  }

  #giveUp() {
    if (this.#peer.connectionState !== 'connected') this.#lose();
  }

  #lose() {
    if (this.#closed) return;
    this.close();
    this.#on.state('lost');
  }
}

/** All that the server speaks; with every codec of the browser an offer would be four times as long. */
function preferOneCodec(line) {
  if (line.receiver.track.kind !== 'video' || !line.setCodecPreferences) return;
  const codecs = RTCRtpReceiver.getCapabilities('video').codecs;
  line.setCodecPreferences(codecs.filter((codec) => /^video\/(VP8|rtx)$/i.test(codec.mimeType)));
}
