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

fn noisy(seed: u32) -> Picture {
    let mut state = seed;
    let mut picture = Picture::black(SIZE);
    let pixels = usize::from(SIZE.width) * usize::from(SIZE.height);
    let bgra: Vec<u8> = (0..pixels * 4)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
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
                    encoder.push(&noisy(step as u32), Duration::from_millis(20 * step), false).unwrap();
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
