//! The host's memory, for drivers whose machines use it.

/// Memory of this host that one more program could use now, bytes: `MemAvailable` of /proc/meminfo (proc_meminfo(5):
/// kibibytes). `None` where that can't be read.
#[must_use]
pub fn free_memory() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
}

#[cfg(test)]
mod tests {
    #[test]
    fn free_memory_is_what_the_kernel_calls_available() {
        let meminfo = "MemTotal:       24605948 kB\nMemFree:         1000 kB\nMemAvailable:   23000000 kB\n";
        assert_eq!(super::parse(meminfo), Some(23_000_000 << 10));
        assert_eq!(super::parse("MemFree: 1 kB"), None);
    }
}
