//! Which parts of the desktop changed: a few disjoint rectangles on even pixels, because one chroma sample covers
//! two by two of them. Pure.

use anteroom_protocol::guest::DesktopSize;

/// Rectangles kept at most. Each costs the X server one request, and a frame rarely has more than the parts of a
/// page that moved, the caret and the cursor.
pub const MAX_RECTS: usize = 6;

/// Pixels from `x0`,`y0` up to, not including, `x1`,`y1`; all even; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left.
    pub x0: u16,
    /// Top.
    pub y0: u16,
    /// Right, exclusive.
    pub x1: u16,
    /// Bottom, exclusive.
    pub y1: u16,
}

impl Rect {
    /// The whole desktop.
    #[must_use]
    pub fn whole(size: DesktopSize) -> Self {
        Self { x0: 0, y0: 0, x1: size.width, y1: size.height }
    }

    /// The part of a rectangle that lies on the desktop, grown to even pixels; none when nothing lies there.
    #[must_use]
    pub fn on_desktop(x: i32, y: i32, width: i32, height: i32, size: DesktopSize) -> Option<Self> {
        let (x0, x1) = clip_even(x, width, size.width)?;
        let (y0, y1) = clip_even(y, height, size.height)?;
        Some(Self { x0, y0, x1, y1 })
    }

    /// Pixels across.
    #[must_use]
    pub fn width(self) -> u16 {
        self.x1 - self.x0
    }

    /// Pixels down.
    #[must_use]
    pub fn height(self) -> u16 {
        self.y1 - self.y0
    }

    /// Pixels in it.
    #[must_use]
    pub fn area(self) -> u32 {
        u32::from(self.width()) * u32::from(self.height())
    }

    /// The smallest rectangle that holds both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }

    /// Whether they share a pixel.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.x0 < other.x1 && other.x0 < self.x1 && self.y0 < other.y1 && other.y0 < self.y1
    }

    /// Pixels that only the union holds.
    fn waste(self, other: Self) -> i64 {
        i64::from(self.union(other).area()) - i64::from(self.area()) - i64::from(other.area())
    }
}

fn clip_even(start: i32, length: i32, limit: u16) -> Option<(u16, u16)> {
    let end = start.saturating_add(length).min(i32::from(limit));
    let start = start.max(0);
    if length <= 0 || start >= end {
        return None;
    }
    let low = u16::try_from(start & !1).ok()?;
    let high = u16::try_from((end + 1) & !1).ok()?.min(limit);
    Some((low, high))
}

/// What changed since the last frame.
#[derive(Clone, Debug, Default)]
pub struct Region {
    rects: Vec<Rect>,
}

impl Region {
    /// Adds a rectangle, and merges those that overlap or lie so close that one grab is cheaper than two.
    pub fn add(&mut self, rect: Rect) {
        self.absorb(rect);
        while self.rects.len() > MAX_RECTS {
            let (first, second) = self.cheapest_pair();
            let merged = self.rects[first].union(self.rects[second]);
            self.rects.swap_remove(second.max(first));
            self.rects.swap_remove(second.min(first));
            self.absorb(merged);
        }
    }

    /// The rectangles, disjoint.
    #[must_use]
    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.rects.clear();
    }

    fn absorb(&mut self, mut rect: Rect) {
        while let Some(near) = self.rects.iter().position(|other| belongs_together(rect, *other)) {
            rect = rect.union(self.rects.swap_remove(near));
        }
        self.rects.push(rect);
    }

    fn cheapest_pair(&self) -> (usize, usize) {
        let pairs = (0..self.rects.len()).flat_map(|a| (a + 1..self.rects.len()).map(move |b| (a, b)));
        pairs.min_by_key(|(a, b)| self.rects[*a].waste(self.rects[*b])).unwrap_or((0, 1))
    }
}

/// A request costs about as much as converting this many pixels.
const REQUEST_PIXELS: i64 = 4096;

fn belongs_together(a: Rect, b: Rect) -> bool {
    a.overlaps(b) || a.waste(b) <= REQUEST_PIXELS
}

#[cfg(test)]
#[path = "region_tests.rs"]
mod tests;
