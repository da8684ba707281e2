// Where characters are on a German keyboard (QWERTZ), as far as the tests type them: physical key and level.

/** What is held at each level. Bits are those of the DevTools protocol; AltGr is none of them. */
export const GERMAN_LEVELS = {
  plain: undefined,
  shift: { code: 'ShiftLeft', key: 'Shift', bit: 8 },
  altgr: { code: 'AltRight', key: 'AltGraph', bit: 0 },
};

const PLACES = {
  'y': ['KeyZ', 'plain'], 'z': ['KeyY', 'plain'], 'Z': ['KeyY', 'shift'],
  'ä': ['Quote', 'plain'], 'Ä': ['Quote', 'shift'], 'ö': ['Semicolon', 'plain'], 'ß': ['Minus', 'plain'],
  '/': ['Digit7', 'shift'], '=': ['Digit0', 'shift'], '@': ['KeyQ', 'altgr'], '€': ['KeyE', 'altgr'], ' ': ['Space', 'plain'],
};

/** The key and level of a character. */
export function german(character) {
  const [code, level] = PLACES[character] ?? [/\d/.test(character) ? `Digit${character}` : `Key${character.toUpperCase()}`, /[A-Z]/.test(character) ? 'shift' : 'plain'];
  return { code, level };
}
