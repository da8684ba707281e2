import { describe, expect, it } from "vitest";
import { pictureBox, toDesktop } from "./geometry";

const desktop = { width: 1280, height: 720 };

describe("the picture's box", () => {
  it("leaves bars above and below in a tall element, and at the sides in a wide one", () => {
    expect(pictureBox({ left: 0, top: 0, width: 640, height: 720 }, desktop)).toEqual({
      left: 0,
      top: 180,
      width: 640,
      height: 360,
    });
    expect(pictureBox({ left: 10, top: 44, width: 1600, height: 720 }, desktop)).toEqual({
      left: 170,
      top: 44,
      width: 1280,
      height: 720,
    });
  });
});

describe("a place on the page", () => {
  it("every desktop pixel is hit by the middle of where it is shown, at any size", () => {
    const sizes = [
      [1280, 720],
      [640, 360],
      [1000, 900],
      [333, 777],
      [1920, 1036],
      [853.33, 479.5],
    ] as const;
    for (const [width, height] of sizes) {
      const element = { left: 7.5, top: 44.25, width, height };
      const box = pictureBox(element, desktop);
      for (const [x, y] of [
        [0, 0],
        [1279, 719],
        [640, 360],
        [1, 718],
        [813, 99],
      ] as const) {
        const clientX = box.left + ((x + 0.5) * box.width) / desktop.width;
        const clientY = box.top + ((y + 0.5) * box.height) / desktop.height;
        expect(toDesktop(clientX, clientY, element, desktop), `${width}x${height} ${x},${y}`).toEqual({
          x,
          y,
          inside: true,
        });
      }
    }
  });

  it("on a bar is outside, and moved to the nearest pixel", () => {
    const element = { left: 0, top: 0, width: 1280, height: 1000 };
    expect(toDesktop(5, 10, element, desktop)).toEqual({ x: 5, y: 0, inside: false });
    expect(toDesktop(1400, 990, element, desktop)).toEqual({ x: 1279, y: 719, inside: false });
  });

  it("of an element without a size is nowhere", () => {
    expect(toDesktop(1, 1, { left: 0, top: 0, width: 0, height: 0 }, desktop)).toBeUndefined();
  });
});
