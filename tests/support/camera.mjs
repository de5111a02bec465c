// A camera that films somebody: a calm room and a person who nods, drawn here, as a file that Chromium plays as camera.

import { writeFile } from "node:fs/promises";

const WIDTH = 640;
const HEIGHT = 360;
const FRAMES = 20;

/** People and their rooms, in colours (red, green, blue). */
export const sitters = {
  patient: {
    wall: [[226, 214, 196], [201, 186, 166]],
    shirt: [148, 86, 74],
    skin: [214, 165, 132],
    hair: [58, 40, 34],
    longHair: true,
  },
  clinician: {
    wall: [[206, 222, 222], [176, 199, 201]],
    shirt: [236, 241, 242],
    skin: [236, 199, 170],
    hair: [122, 74, 46],
    longHair: false,
  },
};

/** Writes the film (YUV4MPEG2) to a file and answers the flag by which Chromium takes it for its camera. */
export async function filmOf(sitter, file) {
  const header = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F20:1 Ip A1:1 C420jpeg\n`);
  const frames = Array.from({ length: FRAMES }, (_, n) => frame(sitter, Math.sin((n / FRAMES) * 2 * Math.PI)));
  await writeFile(file, Buffer.concat([header, ...frames.flatMap((bytes) => [Buffer.from("FRAME\n"), bytes])]));
  return `--use-file-for-fake-video-capture=${file}`;
}

/** One picture; `sway` (-1 to 1) is where the head is. */
function frame(sitter, sway) {
  const luma = Buffer.alloc(WIDTH * HEIGHT);
  const blue = Buffer.alloc((WIDTH * HEIGHT) / 4);
  const red = Buffer.alloc((WIDTH * HEIGHT) / 4);
  for (let y = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1) {
      const [r, g, b] = colourAt(sitter, x, y, sway);
      luma[y * WIDTH + x] = 0.299 * r + 0.587 * g + 0.114 * b;
      if ((x | y) & 1) continue;
      const at = (y >> 1) * (WIDTH >> 1) + (x >> 1);
      blue[at] = 128 - 0.169 * r - 0.331 * g + 0.5 * b;
      red[at] = 128 + 0.5 * r - 0.419 * g - 0.081 * b;
    }
  }
  return Buffer.concat([luma, blue, red]);
}

/** What is seen there, from front to back: the head nods, the shoulders follow a little. */
function colourAt({ wall, shirt, skin, hair, longHair }, x, y, sway) {
  const head = { x: 320 + 3 * sway, y: 158 + 4 * sway };
  const within = (cx, cy, rx, ry) => ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1;
  const face = within(head.x, head.y, 54, 70);
  const fringe = y < head.y - 30 - ((x - head.x) / 14) ** 2 / 4;
  const dark = (colour, by) => colour.map((part) => part * by);

  if (face && fringe) return hair;
  if (face && (within(head.x - 21, head.y - 4, 5, 4) || within(head.x + 21, head.y - 4, 5, 4))) return dark(hair, 0.7);
  if (face && within(head.x, head.y + 36, 20, 9) && y > head.y + 37) return dark(skin, 0.72);
  if (face && within(head.x, head.y + 18, 6, 5) && y > head.y + 18) return dark(skin, 0.88);
  if (face) return skin;
  if (within(head.x, head.y + 70, 26, 44) && y > head.y + 40) return dark(skin, 0.9);
  if (within(320 + sway, 392, 168, 150) && y > 262) return Math.abs(x - 320) < (y - 262) / 3 - 8 ? dark(shirt, 0.9) : shirt;
  if (within(head.x, head.y - 8, 66, 76)) return hair;
  if (longHair && Math.abs(x - head.x) < 66 && y > head.y && y < head.y + 96) return hair;

  const [light, shade] = wall;
  const picture = x > 486 && x < 586 && y > 62 && y < 136;
  if (picture) return x > 494 && x < 578 && y > 70 && y < 128 ? dark(shade, 0.86) : dark(shade, 0.62);
  return light.map((part, n) => part + (shade[n] - part) * (y / HEIGHT));
}
