//! What `rtpsession` tells of each packet that the viewer got or missed.

use std::time::Duration;

use gstreamer as gst;

use super::estimate::Packet;

/// The event's name, and the list in it.
const EVENT: &str = "RTPTWCCPackets";
const PACKETS: &str = "packets";

/// The packets of an event that has some. Those that were never sent by us are left out.
pub(super) fn packets(event: &gst::StructureRef) -> Option<Vec<Packet>> {
    if event.name() != EVENT {
        return None;
    }
    let list = event.value(PACKETS).ok()?;
    let values = list.get::<gst::glib::ValueArray>().ok()?;
    let packets = values.iter().filter_map(|value| value.get::<gst::Structure>().ok().and_then(|told| packet(&told)));
    Some(packets.collect())
}

fn packet(told: &gst::StructureRef) -> Option<Packet> {
    let time = |name: &str| told.get::<u64>(name).ok().filter(|time| *time != u64::MAX).map(Duration::from_nanos);
    let lost = told.get::<bool>("lost").ok()?;
    let bytes = told.get::<u32>("size").ok()?;
    let received = if lost { None } else { Some(time("remote-ts")?) };
    Some(Packet { bytes, sent: time("local-ts")?, received })
}
