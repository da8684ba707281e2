//! The host's own switches for packets that go through it. What is on already is left alone.

use std::{fs, io, path::Path};

use anteroom_machines::OperationError;

use crate::world::During as _;

const IPV4: &str = "/proc/sys/net/ipv4/ip_forward";
const IPV6: &str = "/proc/sys/net/ipv6/conf";

/// Lets the host forward IPv4.
pub(crate) fn allow() -> Result<(), OperationError> {
    // Writing it resets other settings of the host, so that it is written only when it is off.
    switch_on(Path::new(IPV4)).during(|| "allow IPv4 forwarding".to_owned(), None)
}

/// Lets the host forward IPv6.
pub(crate) fn allow_ipv6() -> Result<(), OperationError> {
    has_ipv6(Path::new(IPV6)).during(|| "give machines IPv6, as network.pool6 asks".to_owned(), None)?;
    forward_ipv6(Path::new(IPV6)).during(|| "allow IPv6 forwarding".to_owned(), None)
}

fn has_ipv6(conf: &Path) -> Result<(), &'static str> {
    match value(&conf.join("default/disable_ipv6")).as_deref() {
        Ok("0") => Ok(()),
        Ok(_) => Err("new devices have none here; set net.ipv6.conf.default.disable_ipv6 to 0, or remove pool6"),
        Err(_) => Err("this kernel has none; remove pool6"),
    }
}

/// A host that forwards takes no router's announcement, and forgets its own way out when it begins to; so every device that
/// takes them is told first to go on with it.
fn forward_ipv6(conf: &Path) -> io::Result<()> {
    let switch = conf.join("all/forwarding");
    if value(&switch)? != "0" {
        return Ok(());
    }
    for device in fs::read_dir(conf)? {
        // 1 is only while the host forwards nothing, 2 is always.
        let accepts = device?.path().join("accept_ra");
        match value(&accepts) {
            Ok(taken) if taken == "1" => fs::write(&accepts, "2")?,
            Ok(_) => {}
            // The device went in between.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    switch_on(&switch)
}

fn switch_on(switch: &Path) -> io::Result<()> {
    if value(switch)? == "0" { fs::write(switch, "1") } else { Ok(()) }
}

fn value(switch: &Path) -> io::Result<String> {
    fs::read_to_string(switch).map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Devices with whether they take announcements, beside `all` and `default`.
    fn conf(forwarding: &str, devices: &[(&str, &str)]) -> tempfile::TempDir {
        let conf = tempfile::tempdir().unwrap();
        for (device, accepts) in [("all", "1"), ("default", "1")].iter().chain(devices) {
            let device = conf.path().join(device);
            fs::create_dir(&device).unwrap();
            fs::write(device.join("accept_ra"), format!("{accepts}\n")).unwrap();
            fs::write(device.join("disable_ipv6"), "0\n").unwrap();
            fs::write(device.join("forwarding"), format!("{forwarding}\n")).unwrap();
        }
        conf
    }

    #[test]
    fn a_host_that_begins_to_forward_goes_on_hearing_routers_where_it_did() {
        let conf = conf("0", &[("eth0", "1"), ("eth1", "0"), ("eth2", "2")]);
        forward_ipv6(conf.path()).unwrap();
        let read = |device: &str| value(&conf.path().join(device).join("accept_ra")).unwrap();
        assert_eq!(["default", "eth0", "eth1", "eth2"].map(read), ["2", "2", "0", "2"]);
        assert_eq!(value(&conf.path().join("all/forwarding")).unwrap(), "1");
    }

    #[test]
    fn a_host_that_forwards_already_is_left_as_it_is() {
        let conf = conf("1", &[("eth0", "1")]);
        forward_ipv6(conf.path()).unwrap();
        assert_eq!(value(&conf.path().join("eth0/accept_ra")).unwrap(), "1");
    }

    #[test]
    fn a_host_without_ipv6_says_so_and_what_to_do() {
        let conf = conf("0", &[]);
        assert_eq!(has_ipv6(conf.path()), Ok(()));
        fs::write(conf.path().join("default/disable_ipv6"), "1\n").unwrap();
        assert!(has_ipv6(conf.path()).unwrap_err().contains("disable_ipv6 to 0"));
        assert!(has_ipv6(&conf.path().join("none")).unwrap_err().contains("kernel"));
    }
}
