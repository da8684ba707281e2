// Colours by which a test finds fields and buttons in the streamed picture. They are far apart in brightness and in
// both colour axes, so that video coding at a quarter of the colour resolution can't mix them up, and each is a
// flat block of at least 40 pixels.

export const MARKS = {
  userField: [224, 0, 122],
  passwordField: [0, 80, 255],
  userFocus: [255, 160, 160],
  passwordFocus: [150, 255, 110],
  submit: [0, 150, 0],
  wrongPassword: [255, 224, 0],
  consent: [0, 200, 200],
  deny: [128, 0, 192],
  end: [255, 128, 0],
  stageOff: [200, 30, 30],
  stageOn: [30, 60, 200],
};

/** A mark as a CSS colour. */
export const css = (mark) => `rgb(${MARKS[mark].join(',')})`;
