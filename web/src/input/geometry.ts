//! Where a place on the page lies on the desktop. The picture is shown whole, as large as fits, in the middle
//! (`object-fit: contain`); what is left are bars. CSS pixels in, desktop pixels out: the ratio of device pixels
//! cancels out, because both sides of the division are CSS pixels.

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Place {
  x: number;
  y: number;
  /** Whether it was on the picture itself; a place on a bar is moved to the nearest pixel. */
  inside: boolean;
}

/** The picture's own box within the element's. */
export function pictureBox(element: Box, desktop: Size): Box {
  const scale = Math.min(element.width / desktop.width, element.height / desktop.height);
  const width = desktop.width * scale;
  const height = desktop.height * scale;
  return {
    left: element.left + (element.width - width) / 2,
    top: element.top + (element.height - height) / 2,
    width,
    height,
  };
}

/** The desktop pixel under a place of the page, or none when the element has no size. */
export function toDesktop(clientX: number, clientY: number, element: Box, desktop: Size): Place | undefined {
  const box = pictureBox(element, desktop);
  if (!(box.width > 0 && box.height > 0)) return undefined;
  const x = Math.floor(((clientX - box.left) / box.width) * desktop.width);
  const y = Math.floor(((clientY - box.top) / box.height) * desktop.height);
  const inside = x >= 0 && y >= 0 && x < desktop.width && y < desktop.height;
  return { x: clamp(x, desktop.width - 1), y: clamp(y, desktop.height - 1), inside };
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}
