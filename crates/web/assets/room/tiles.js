/** The pictures on the stage and the sound behind them. */
export class Tiles {
  #stage;
  #me;
  #onSoundBlocked;
  #streams = [];
  #people = [];
  #sounds = new Map();
  #speaker = '';

  /** `onSoundBlocked` is called when the browser wants a press before it plays sound. */
  constructor(stage, me, onSoundBlocked) {
    this.#stage = stage;
    this.#me = me;
    this.#onSoundBlocked = onSoundBlocked;
  }

  setStreams(streams) {
    this.#streams = streams;
    this.#render();
    this.#listen();
  }

  setPeople(people) {
    this.#people = people;
    this.#render();
  }

  /** Plays all sound; to be called from a press. */
  async playSound() {
    await Promise.all([...this.#sounds.values()].map((sound) => sound.play()));
  }

  async setSpeaker(deviceId) {
    this.#speaker = deviceId;
    await Promise.all([...this.#sounds.values()].map((sound) => sound.setSinkId(deviceId)));
  }

  #render() {
    const wanted = this.#wanted();
    const tiles = new Map([...this.#stage.children].map((tile) => [tile.dataset.key, tile]));
    for (const [key, tile] of tiles) {
      if (!wanted.some((one) => one.key === key)) tile.remove();
    }
    for (const one of wanted) {
      const tile = tiles.get(one.key) ?? this.#stage.appendChild(newTile(one));
      fill(tile, one);
    }
    this.#stage.dataset.count = String(wanted.length);
    this.#stage.dataset.screen = String(wanted.some((one) => one.kind === 'screen'));
  }

  /** A tile for each other person who is connected, and one for each screen. */
  #wanted() {
    const streamOf = (participant, kind) =>
      this.#streams.find((stream) => stream.participant === participant && stream.kind === kind);
    const ids = new Set(this.#people.filter((person) => person.connected).map((person) => person.participant));
    for (const stream of this.#streams) ids.add(stream.participant);
    ids.delete(this.#me);

    const tiles = [];
    for (const participant of ids) {
      const name = this.#people.find((person) => person.participant === participant)?.name ?? 'Guest';
      const label = streamOf(participant, 'audio') ? name : `${name} (muted)`;
      const screen = streamOf(participant, 'screen');
      if (screen) tiles.push({ key: `${participant}-screen`, kind: 'screen', label: `${name}’s screen`, track: screen.track });
      const camera = streamOf(participant, 'camera');
      tiles.push({ key: `${participant}-camera`, kind: 'camera', label, track: camera?.track });
    }
    return tiles;
  }

  #listen() {
    const tracks = this.#streams.filter((stream) => stream.kind === 'audio').map((stream) => stream.track);
    for (const [track, sound] of this.#sounds) {
      if (tracks.includes(track)) continue;
      sound.srcObject = null;
      this.#sounds.delete(track);
    }
    for (const track of tracks) {
      if (this.#sounds.has(track)) continue;
      const sound = new Audio();
      sound.srcObject = new MediaStream([track]);
      this.#sounds.set(track, sound);
      if (this.#speaker) sound.setSinkId(this.#speaker).catch(() => {});
      sound.play().catch((error) => error.name === 'NotAllowedError' && this.#onSoundBlocked());
    }
  }
}

function newTile({ key, kind }) {
  const tile = document.createElement('figure');
  tile.className = 'tile';
  tile.dataset.key = key;
  tile.dataset.kind = kind;
  const video = document.createElement('video');
  video.playsInline = true;
  video.autoplay = true;
  // Sound has its own element: a browser that blocks sound still shows the picture.
  video.muted = true;
  const caption = document.createElement('figcaption');
  const off = document.createElement('p');
  off.className = 'camera-off';
  tile.append(video, off, caption);
  return tile;
}

function fill(tile, { label, track }) {
  const video = tile.querySelector('video');
  const [shown] = video.srcObject?.getTracks() ?? [];
  if (shown !== track) {
    video.srcObject = track ? new MediaStream([track]) : null;
    if (track) video.play().catch(() => {});
  }
  tile.dataset.picture = track ? 'on' : 'off';
  tile.querySelector('figcaption').textContent = label;
  tile.querySelector('.camera-off').textContent = track ? '' : 'Camera is off';
}
