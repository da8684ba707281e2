// A machine's desktop as its viewer has it: pixels of the streamed picture, clicks and keys into it.
import { MARKS } from '../issuer/marks.mjs';
import { german, GERMAN_LEVELS } from './german.mjs';
import { until } from './wait.mjs';

/** Video coding moves a flat colour by a few steps of 256. */
const TOLERANCE = 36;
/** A mark of 64 x 64 has 256 points of the grid; half of it may be covered by the pointer. */
const POINTS = 100;
const SEE_MS = 30_000;
/** A click that arrives has its effect on the picture within some 100 ms; a busy host takes ten times that. */
const FOCUS_MS = 3_000;
/** A mark's side, desktop pixels. */
const MARK = 64;
/** A black line of one pixel after video coding, of 255; a field's grey frame is 136. */
const DARK = 100;
/** From the middle of a field's mark into the field, in desktop pixels. */
const BESIDE = 160;
const NEEDS_SHIFT = /[A-Z~!@#$%^&*()_+{}|:"<>?]/;

export class Desktop {
  constructor(page) {
    this.page = page;
  }

  /** Waits for the first decoded frame. */
  picture(deadlineMs = SEE_MS) {
    return until('a frame was decoded', deadlineMs, () => this.page.evaluate(() => globalThis.__probe.frameCount > 0));
  }

  /** Where a mark is now, in desktop pixels; null when it isn't to be seen. */
  find(mark) {
    return this.page.evaluate(([colour, tolerance, points]) => globalThis.__probe.find(colour, tolerance, points), [MARKS[mark], TOLERANCE, POINTS]);
  }

  /** Waits until a mark is to be seen. */
  async sees(mark, deadlineMs = SEE_MS) {
    return until(`the desktop shows ${mark}`, deadlineMs, () => this.find(mark));
  }

  /** Waits until a mark is not to be seen any more. */
  async seesNo(mark, deadlineMs = SEE_MS) {
    await until(`the desktop no longer shows ${mark}`, deadlineMs, async () => !(await this.find(mark)));
  }

  /** Clicks into the page where a pixel of the desktop is shown. */
  async click({ x, y, width, height }) {
    const box = await this.page.evaluate(() => {
      const { left, top, width, height } = globalThis.__probe.video().getBoundingClientRect();
      return { left, top, width, height };
    });
    // The picture keeps its shape inside the element (object-fit: contain).
    const scale = Math.min(box.width / width, box.height / height);
    const left = box.left + (box.width - width * scale) / 2;
    const top = box.top + (box.height - height * scale) / 2;
    await this.page.mouse.click(left + (x + 0.5) * scale, top + (y + 0.5) * scale);
  }

  /** Clicks into the field at the right of a mark. */
  async clickBeside(mark) {
    const place = await this.sees(mark);
    await this.click({ ...place, x: place.x + BESIDE });
  }

  /**
   * Clicks into the field at the right of a mark until it has the focus, as a person does. Chromium drops input to a new page until its
   * own process has heard that the page was painted, which on a busy host is after the picture has been seen (crrev.com/687220).
   */
  async focus(mark, focus, clicks = 5) {
    for (let click = 1; ; click += 1) {
      await this.clickBeside(mark);
      try {
        return await this.sees(focus, click < clicks ? FOCUS_MS : SEE_MS);
      } catch (error) {
        if (click === clicks) throw error;
        console.error(`click ${click} at ${mark} had no effect`);
      }
    }
  }

  /** Waits until the empty field at the right of a mark has its caret, left of where it was clicked. */
  async seesCaret(mark, deadlineMs = SEE_MS) {
    const { x, y } = await this.sees(mark, deadlineMs);
    const area = [x + MARK / 2, y - MARK / 4, BESIDE - MARK, MARK / 2];
    await until(`the field of ${mark} has the caret`, deadlineMs, () => this.page.evaluate(([area, dark]) => globalThis.__probe.darkest(...area) < dark, [area, DARK]));
  }

  async clickMark(mark) {
    await this.click(await this.sees(mark));
  }

  /** Types text key by key, as a person does at a US keyboard: what needs Shift, with Shift. */
  async type(text) {
    const { keyboard } = this.page;
    for (const character of text) {
      const shift = NEEDS_SHIFT.test(character);
      if (shift) await keyboard.down('Shift');
      await keyboard.press(character);
      if (shift) await keyboard.up('Shift');
    }
  }

  /** Types as with caps lock: the characters, without Shift. */
  async typeWithoutShift(text) {
    await this.page.keyboard.type(text);
  }

  /** Types as a person does at a German keyboard: other places, other levels, AltGr. */
  async typeGerman(text) {
    const session = await this.page.context().newCDPSession(this.page);
    const send = (type, code, key, modifiers, typed) =>
      session.send('Input.dispatchKeyEvent', { type, code, key, modifiers, ...(type === 'keyDown' && typed ? { text: key } : {}) });
    for (const character of text) {
      const { code, level } = german(character);
      const modifier = GERMAN_LEVELS[level];
      if (modifier) await send('keyDown', modifier.code, modifier.key, modifier.bit);
      for (const type of ['keyDown', 'keyUp']) await send(type, code, character, modifier?.bit ?? 0, true);
      if (modifier) await send('keyUp', modifier.code, modifier.key, 0);
    }
    await session.detach();
  }

  press(key) {
    return this.page.keyboard.press(key);
  }

  /** Signs in at the issuer's page, by clicks and keys alone. `how` types: `type`, `typeGerman`, `typeWithoutShift`. */
  async signIn(user, password, how = 'type') {
    // As a person does, look where the keys go before typing: a browser takes clicks and keys on different ways. The
    // user's field has the focus already, so that only a click on the other one shows that clicks have arrived.
    for (const [field, focus] of [['passwordField', 'passwordFocus'], ['userField', 'userFocus']]) await this.focus(field, focus);
    await this.type(user);
    await this.press('Tab');
    await this.sees('passwordFocus');
    await this[how](password);
    await this.press('Enter');
  }
}
