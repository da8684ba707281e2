//! The pointer's picture, drawn into what was captured: the X server composes it for a real screen only. Pure.

use anteroom_protocol::guest::DesktopSize;

use super::{picture::PIXEL_BYTES, region::Rect};

/// A cursor as XFixes gives it: premultiplied ARGB in native words.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// The pixel of the picture that points, from its left and top.
    pub hot: (u16, u16),
    /// `width * height` words.
    pub pixels: Vec<u32>,
}

impl Cursor {
    /// Where the picture's left top pixel lies when the pointer is at `pointer`.
    #[must_use]
    pub fn origin(&self, pointer: (i16, i16)) -> (i32, i32) {
        (i32::from(pointer.0) - i32::from(self.hot.0), i32::from(pointer.1) - i32::from(self.hot.1))
    }

    /// What it covers of the desktop.
    #[must_use]
    pub fn covers(&self, pointer: (i16, i16), size: DesktopSize) -> Option<Rect> {
        let (x, y) = self.origin(pointer);
        Rect::on_desktop(x, y, i32::from(self.width), i32::from(self.height), size)
    }

    /// Draws what lies in `rect` into its pixels, `bgra`, which holds just them, row by row.
    pub fn draw(&self, pointer: (i16, i16), rect: Rect, bgra: &mut [u8]) {
        let (left, top) = self.origin(pointer);
        let (x0, x1) = (left.max(i32::from(rect.x0)), (left + i32::from(self.width)).min(i32::from(rect.x1)));
        let (y0, y1) = (top.max(i32::from(rect.y0)), (top + i32::from(self.height)).min(i32::from(rect.y1)));
        for y in y0..y1 {
            for x in x0..x1 {
                let from = (y - top) as usize * usize::from(self.width) + (x - left) as usize;
                let to =
                    (y - i32::from(rect.y0)) as usize * usize::from(rect.width()) + (x - i32::from(rect.x0)) as usize;
                if let (Some(word), Some(pixel)) =
                    (self.pixels.get(from), bgra.get_mut(to * PIXEL_BYTES..(to + 1) * PIXEL_BYTES))
                {
                    blend(*word, pixel);
                }
            }
        }
    }
}

fn blend(word: u32, pixel: &mut [u8]) {
    let [blue, green, red, alpha] = word.to_le_bytes();
    let keep = u32::from(255 - alpha);
    for (channel, add) in pixel.iter_mut().zip([blue, green, red]) {
        let kept = (u32::from(*channel) * keep + 127) / 255;
        *channel = (kept + u32::from(add)).min(255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: DesktopSize = DesktopSize { width: 16, height: 16 };

    fn two_by_two() -> Cursor {
        // Opaque red, transparent; half white, opaque blue.
        Cursor { width: 2, height: 2, hot: (1, 0), pixels: vec![0xffff_0000, 0, 0x8080_8080, 0xff00_00ff] }
    }

    fn pixel(bgra: &[u8], rect: Rect, x: u16, y: u16) -> [u8; 3] {
        let at = (usize::from(y - rect.y0) * usize::from(rect.width()) + usize::from(x - rect.x0)) * PIXEL_BYTES;
        [bgra[at], bgra[at + 1], bgra[at + 2]]
    }

    #[test]
    fn opaque_covers_transparent_keeps_and_half_mixes() {
        let rect = Rect::whole(SIZE);
        let mut bgra = vec![100; usize::from(SIZE.width) * usize::from(SIZE.height) * PIXEL_BYTES];
        two_by_two().draw((5, 4), rect, &mut bgra);
        assert_eq!(pixel(&bgra, rect, 4, 4), [0, 0, 255]);
        assert_eq!(pixel(&bgra, rect, 5, 4), [100, 100, 100]);
        assert_eq!(pixel(&bgra, rect, 4, 5), [178, 178, 178]);
        assert_eq!(pixel(&bgra, rect, 5, 5), [255, 0, 0]);
        assert_eq!(pixel(&bgra, rect, 6, 5), [100, 100, 100]);
    }

    #[test]
    fn a_cursor_at_the_edge_is_cut_there() {
        let cursor = two_by_two();
        assert_eq!(cursor.covers((0, 0), SIZE), Some(Rect { x0: 0, y0: 0, x1: 2, y1: 2 }));
        let rect = Rect { x0: 0, y0: 0, x1: 2, y1: 2 };
        let mut bgra = vec![9; 16];
        cursor.draw((0, 0), rect, &mut bgra);
        assert_eq!(pixel(&bgra, rect, 0, 1), [255, 0, 0]);
        assert_eq!(pixel(&bgra, rect, 1, 0), [9, 9, 9]);
        assert_eq!(cursor.covers((40, 40), SIZE), None);
    }

    #[test]
    fn only_the_part_within_the_grabbed_rectangle_is_drawn() {
        let rect = Rect { x0: 4, y0: 4, x1: 6, y1: 6 };
        let mut bgra = vec![0; 16];
        two_by_two().draw((4, 5), rect, &mut bgra);
        assert_eq!(pixel(&bgra, rect, 4, 4), [0, 0, 0], "above the cursor");
        assert_eq!(pixel(&bgra, rect, 4, 5), [0, 0, 0], "its transparent pixel");
        let mut bgra = vec![0; 16];
        two_by_two().draw((5, 5), rect, &mut bgra);
        assert_eq!(pixel(&bgra, rect, 4, 5), [0, 0, 255]);
    }
}
