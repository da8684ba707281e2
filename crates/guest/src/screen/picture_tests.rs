use super::*;

const SIZE: DesktopSize = DesktopSize { width: 64, height: 48 };

/// BT.601 limited range in floating point: the reference.
fn luma([b, g, r, _]: [u8; 4]) -> f64 {
    16.0 + (65.481 * f64::from(r) + 128.553 * f64::from(g) + 24.966 * f64::from(b)) / 255.0
}

fn chroma(pixels: [[u8; 4]; 4]) -> (f64, f64) {
    let mean = |channel: usize| pixels.iter().map(|p| f64::from(p[channel])).sum::<f64>() / 4.0;
    let (b, g, r) = (mean(0), mean(1), mean(2));
    let u = 128.0 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255.0;
    let v = 128.0 + (112.0 * r - 93.786 * g - 18.214 * b) / 255.0;
    (u, v)
}

fn desktop_pixel(x: usize, y: usize) -> [u8; 4] {
    [(x * 5 + y) as u8, (y * 7) as u8, ((x * 3) ^ (y * 11)) as u8, 0]
}

fn packed(rect: Rect) -> Vec<u8> {
    let rows = usize::from(rect.y0)..usize::from(rect.y1);
    rows.flat_map(|y| (usize::from(rect.x0)..usize::from(rect.x1)).flat_map(move |x| desktop_pixel(x, y))).collect()
}

fn assert_pixel(picture: &Picture, x: usize, y: usize) {
    let width = usize::from(SIZE.width);
    let [luma_plane, blue, red] = picture.planes();
    let got = f64::from(luma_plane[y * width + x]);
    let want = luma(desktop_pixel(x, y));
    assert!((got - want).abs() <= 2.0, "luma at {x},{y}: {got}, not {want}");
    let (left, top) = (x & !1, y & !1);
    let block = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| desktop_pixel(left + dx, top + dy));
    let (u, v) = chroma(block);
    let at = y / 2 * (width / 2) + x / 2;
    let (got_u, got_v) = (f64::from(blue[at]), f64::from(red[at]));
    assert!((got_u - u).abs() <= 3.0 && (got_v - v).abs() <= 3.0, "chroma at {x},{y}: {got_u},{got_v} not {u},{v}");
}

fn assert_untouched(picture: &Picture, x: usize, y: usize) {
    let width = usize::from(SIZE.width);
    let [luma_plane, blue, red] = picture.planes();
    let at = y / 2 * (width / 2) + x / 2;
    assert_eq!((luma_plane[y * width + x], blue[at], red[at]), (16, 128, 128), "{x},{y}");
}

#[test]
fn conversion_of_any_damaged_rectangle_equals_the_reference_and_touches_nothing_else() {
    for (x, y, w, h) in [(0, 0, 64, 48), (1, 1, 1, 1), (3, 5, 7, 9), (61, 45, 9, 9), (0, 47, 64, 1), (33, 0, 31, 3)] {
        let rect = Rect::on_desktop(x, y, w, h, SIZE).unwrap();
        let mut picture = Picture::black(SIZE);
        picture.update(rect, &packed(rect));
        for (x, y) in (0..usize::from(SIZE.height)).flat_map(|y| (0..usize::from(SIZE.width)).map(move |x| (x, y))) {
            let inside = (usize::from(rect.x0)..usize::from(rect.x1)).contains(&x)
                && (usize::from(rect.y0)..usize::from(rect.y1)).contains(&y);
            if inside {
                assert_pixel(&picture, x, y);
            } else {
                assert_untouched(&picture, x, y);
            }
        }
    }
}

#[test]
fn sizes_that_encoders_refuse_are_refused() {
    let size = |width, height| DesktopSize { width, height };
    for good in [size(1280, 720), size(1920, 1080), size(16, 16), size(1366, 768)] {
        assert!(is_encodable(good), "{good:?}");
    }
    for bad in [size(1281, 720), size(1280, 721), size(0, 0), size(8, 720), size(5000, 720)] {
        assert!(!is_encodable(bad), "{bad:?}");
    }
}
