//! The encoders on their own.

use std::{sync::mpsc, time::Duration};

use anteroom_guest::{
    encode::{Codec, EncodedFrame, Encoder, prepare},
    screen::{picture::Picture, region::Rect},
};

use crate::{
    display::{DEADLINE, SIZE},
    viewer::is_h264_keyframe,
};

fn encoder(codec: Codec) -> (Encoder, mpsc::Receiver<EncodedFrame>) {
    prepare().unwrap();
    let (sender, receiver) = mpsc::channel();
    let encoder = Encoder::start(codec, SIZE, 4_000, move |frame| drop(sender.send(frame))).unwrap();
    (encoder, receiver)
}

/// Blocks of 16 by 16 pixels in random colours: hard to predict, and still compressible.
fn blocks(seed: u32) -> Picture {
    let mut picture = Picture::black(SIZE);
    let (width, height) = (usize::from(SIZE.width), usize::from(SIZE.height));
    let colour = |x: usize, y: usize| {
        let block = seed ^ ((x / 16) as u32).wrapping_mul(0x9e37_79b9) ^ ((y / 16) as u32).wrapping_mul(0x85eb_ca6b);
        block.wrapping_mul(2_654_435_761).to_le_bytes()
    };
    let bgra: Vec<u8> = (0..height).flat_map(|y| (0..width).flat_map(move |x| colour(x, y))).collect();
    picture.update(Rect::whole(SIZE), &bgra);
    picture
}

#[test]
fn each_picture_comes_out_at_once_and_keyframes_come_first_and_when_asked_for() {
    for codec in [Codec::H264, Codec::Vp8] {
        let (encoder, frames) = encoder(codec);
        let picture = Picture::black(SIZE);
        for (step, asked, keyframe) in [(0, false, true), (1, false, false), (2, true, true), (3, false, false)] {
            let time = Duration::from_millis(20 * step);
            encoder.push(&picture, time, asked).unwrap();
            let frame = frames.recv_timeout(DEADLINE).unwrap();
            assert_eq!((frame.keyframe, frame.time, frame.codec), (keyframe, time, codec), "{codec:?} {step}");
            assert!(codec != Codec::H264 || is_h264_keyframe(&frame.data) == keyframe);
        }
    }
}

#[test]
fn a_lower_rate_makes_smaller_frames() {
    for codec in [Codec::H264, Codec::Vp8] {
        let (encoder, frames) = encoder(codec);
        let bytes = |from: u64, count: u64| {
            (from..from + count)
                .map(|step| {
                    encoder.push(&blocks(step as u32), Duration::from_millis(20 * step), false).unwrap();
                    frames.recv_timeout(DEADLINE).unwrap().data.len()
                })
                .sum::<usize>()
        };
        bytes(0, 20);
        let high = bytes(20, 20);
        encoder.set_bitrate(400);
        bytes(40, 30);
        let low = bytes(70, 20);
        assert!(low * 2 < high, "{codec:?}: {high} bytes, then {low}");
    }
}
