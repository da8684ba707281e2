//! The desktop's picture as encoders want it: I420, kept from frame to frame, so that only what changed is converted.
//! BT.601 with limited range, which VP8 always means and which the H264 stream names.

use anteroom_protocol::guest::DesktopSize;
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, bgra_to_yuv420};

use super::region::Rect;

/// Bytes of one captured pixel.
pub const PIXEL_BYTES: usize = 4;

/// An I420 picture, its strides as GStreamer expects them of `video/x-raw,format=I420`.
#[derive(Clone)]
pub struct Picture {
    size: DesktopSize,
    luma: Plane,
    blue: Plane,
    red: Plane,
}

/// One plane, and one row more: the converter works on whole strides, also from the middle of a row to the last one,
/// and would leave an incomplete one out.
#[derive(Clone)]
struct Plane {
    stride: usize,
    rows: usize,
    data: Vec<u8>,
}

impl Plane {
    fn filled(stride: usize, rows: usize, value: u8) -> Self {
        Self { stride, rows, data: vec![value; stride * (rows + 1)] }
    }

    fn pixels(&self) -> &[u8] {
        &self.data[..self.stride * self.rows]
    }

    fn part(&mut self, x: usize, y: usize, rows: usize) -> BufferStoreMut<'_, u8> {
        let start = y * self.stride + x;
        BufferStoreMut::Borrowed(&mut self.data[start..start + rows * self.stride])
    }
}

impl Picture {
    /// A black one.
    #[must_use]
    pub fn black(size: DesktopSize) -> Self {
        let rows = usize::from(size.height);
        let luma = Plane::filled(usize::from(size.width).next_multiple_of(4), rows, 16);
        let chroma = Plane::filled(usize::from(size.width / 2).next_multiple_of(4), rows / 2, 128);
        Self { size, luma, blue: chroma.clone(), red: chroma }
    }

    /// Its size in pixels.
    #[must_use]
    pub fn size(&self) -> DesktopSize {
        self.size
    }

    /// Y, U and V, one after the other in GStreamer's buffers.
    #[must_use]
    pub fn planes(&self) -> [&[u8]; 3] {
        [self.luma.pixels(), self.blue.pixels(), self.red.pixels()]
    }

    /// Takes over the pixels of `rect` from `bgra`, which holds just them, row by row.
    ///
    /// # Panics
    /// When `bgra` is shorter than the rectangle, or that is not on the desktop: a bug of the caller.
    pub fn update(&mut self, rect: Rect, bgra: &[u8]) {
        let (x, y, rows) = (usize::from(rect.x0), usize::from(rect.y0), usize::from(rect.height()));
        let (y_stride, u_stride, v_stride) = (self.luma.stride, self.blue.stride, self.red.stride);
        let mut part = YuvPlanarImageMut {
            y_plane: self.luma.part(x, y, rows),
            y_stride: y_stride as u32,
            u_plane: self.blue.part(x / 2, y / 2, rows / 2),
            u_stride: u_stride as u32,
            v_plane: self.red.part(x / 2, y / 2, rows / 2),
            v_stride: v_stride as u32,
            width: u32::from(rect.width()),
            height: u32::from(rect.height()),
        };
        let bgra_stride = u32::from(rect.width()) * PIXEL_BYTES as u32;
        let (range, matrix, mode) = (YuvRange::Limited, YuvStandardMatrix::Bt601, YuvConversionMode::Balanced);
        bgra_to_yuv420(&mut part, bgra, bgra_stride, range, matrix, mode)
            .expect("an even rectangle on the desktop, with all of its pixels");
    }
}

/// Whether a desktop of this size can be captured and encoded.
#[must_use]
pub fn is_encodable(size: DesktopSize) -> bool {
    [size.width, size.height].iter().all(|side| (16..=4096).contains(side) && side.is_multiple_of(2))
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
