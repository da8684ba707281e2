use proptest::prelude::*;

use super::*;

const SIZE: DesktopSize = DesktopSize { width: 1280, height: 720 };

fn rect(x0: u16, y0: u16, x1: u16, y1: u16) -> Rect {
    Rect { x0, y0, x1, y1 }
}

#[test]
fn odd_edges_grow_to_even_pixels_and_stay_on_the_desktop() {
    for ((x, y, w, h), expected) in [
        ((0, 0, 1, 1), Some(rect(0, 0, 2, 2))),
        ((5, 7, 3, 2), Some(rect(4, 6, 8, 10))),
        ((-10, -10, 13, 11), Some(rect(0, 0, 4, 2))),
        ((1279, 719, 50, 50), Some(rect(1278, 718, 1280, 720))),
        ((-5, 0, 5, 5), None),
        ((1280, 0, 5, 5), None),
        ((3, 3, 0, 9), None),
        ((3, 3, -4, 9), None),
        ((i32::MAX, 0, i32::MAX, 5), None),
    ] {
        assert_eq!(Rect::on_desktop(x, y, w, h, SIZE), expected, "{x},{y} {w}x{h}");
    }
}

#[test]
fn overlapping_rectangles_become_one() {
    let mut region = Region::default();
    region.add(rect(0, 0, 100, 100));
    region.add(rect(50, 50, 150, 150));
    assert_eq!(region.rects(), [rect(0, 0, 150, 150)]);
}

#[test]
fn distant_rectangles_stay_apart() {
    let mut region = Region::default();
    region.add(rect(0, 0, 20, 20));
    region.add(rect(1000, 600, 1020, 620));
    assert_eq!(region.rects().len(), 2);
}

fn any_rect() -> impl Strategy<Value = (i32, i32, i32, i32)> {
    (-50..1400i32, -50..800i32, -5..700i32, -5..400i32)
}

proptest! {
    #[test]
    fn every_damaged_pixel_is_covered_once_by_few_even_rectangles(
        damage in proptest::collection::vec(any_rect(), 1..40)
    ) {
        let mut region = Region::default();
        let mut wanted = Vec::new();
        for (x, y, w, h) in damage {
            if let Some(rect) = Rect::on_desktop(x, y, w, h, SIZE) {
                region.add(rect);
                wanted.push(rect);
            }
        }
        prop_assert!(region.rects().len() <= MAX_RECTS);
        for rect in region.rects() {
            prop_assert!(rect.x0 < rect.x1 && rect.y0 < rect.y1 && rect.x1 <= 1280 && rect.y1 <= 720);
            prop_assert_eq!((rect.x0 | rect.y0 | rect.x1 | rect.y1) & 1, 0);
            prop_assert_eq!(region.rects().iter().filter(|other| rect.overlaps(**other)).count(), 1);
        }
        for rect in wanted {
            prop_assert!(region.rects().iter().any(|cover| cover.union(rect) == *cover));
        }
    }
}
