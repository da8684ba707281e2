//! Reads once what every machine reads while it starts, so that the clones of a virtual machine's template find it in the
//! memory that they share: from an emulated disk it takes ten seconds. Run by `anteroom-guest warm`, which then ends:
//! nothing that it has drawn or made stays.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    encode::{EncodeError, prepare},
    layout::Layout,
};

/// Lists what a program is linked with, by the loader's own rules.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// Reads the encoder, the browser, and their libraries. Stops where the machine's memory is half full: what a small
/// machine reads now, it would forget before it is used.
///
/// # Errors
/// The encoder is not there, which every machine needs.
pub fn read(layout: &Layout) -> Result<(), EncodeError> {
    prepare()?;
    let mut files = mapped(&fs::read_to_string("/proc/self/maps").unwrap_or_default());
    files.extend(layout.browser.first().into_iter().flat_map(|program| of_program(Path::new(program))));
    for file in files {
        if !has_room() {
            tracing::info!("the machine's memory is half full; the rest is read when it is used");
            break;
        }
        if let Err(error) = fs::File::open(&file).and_then(|mut file| io::copy(&mut file, &mut io::sink())) {
            tracing::warn!(file = %file.display(), %error, "a file could not be read ahead");
        }
    }
    Ok(())
}

/// The files that a process has mapped, from its list of mappings.
fn mapped(maps: &str) -> BTreeSet<PathBuf> {
    let paths = maps.lines().filter_map(|line| line.find('/').map(|start| &line[start..]));
    paths.filter(|path| !path.ends_with(" (deleted)")).map(PathBuf::from).collect()
}

/// The files beside a program, and the libraries that it is linked with.
fn of_program(program: &Path) -> BTreeSet<PathBuf> {
    let beside = program.parent().and_then(|directory| fs::read_dir(directory).ok()).into_iter().flatten();
    let mut files: BTreeSet<PathBuf> =
        beside.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| path.is_file()).collect();
    match Command::new(LOADER).arg("--list").arg(program).output() {
        Ok(output) => files.extend(libraries(&String::from_utf8_lossy(&output.stdout))),
        Err(error) => tracing::warn!(%error, "the browser's libraries could not be listed"),
    }
    files
}

/// The paths in what the loader lists.
fn libraries(listed: &str) -> impl Iterator<Item = PathBuf> {
    listed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from)
}

fn has_room() -> bool {
    fs::read_to_string("/proc/meminfo").is_ok_and(|text| is_half_free(&text))
}

fn is_half_free(meminfo: &str) -> bool {
    let kilobytes = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    matches!((kilobytes("MemFree:"), kilobytes("MemTotal:")), (Some(free), Some(total)) if free >= total / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_has_mapped_are_its_files() {
        let maps = "55d0-55d1 r--p 00000000 00:01 7  /opt/anteroom/anteroom-guest\n\
                    7f00-7f01 rw-p 00000000 00:00 0\n\
                    7f02-7f03 r-xp 00000000 00:01 8  /usr/lib/x86_64-linux-gnu/libx264.so.164\n\
                    7f03-7f04 r--p 00001000 00:01 8  /usr/lib/x86_64-linux-gnu/libx264.so.164\n\
                    7f05-7f06 rw-s 00000000 00:01 9  /memfd:pool (deleted)\n\
                    7ffc-7ffd rw-p 00000000 00:00 0  [stack]\n";
        let files: Vec<_> = mapped(maps).into_iter().map(|path| path.display().to_string()).collect();
        assert_eq!(files, ["/opt/anteroom/anteroom-guest", "/usr/lib/x86_64-linux-gnu/libx264.so.164"]);
    }

    #[test]
    fn a_programs_libraries_are_found_by_the_loader() {
        let files = of_program(Path::new("/usr/bin/openbox"));
        assert!(files.contains(Path::new("/usr/bin/openbox")));
        assert!(files.iter().any(|file| file.to_string_lossy().contains("libX11.so")), "{files:?}");
    }

    #[test]
    fn reading_stops_where_the_memory_is_half_full() {
        assert!(is_half_free("MemTotal:  1000 kB\nMemFree:   500 kB\n"));
        assert!(!is_half_free("MemTotal:  1000 kB\nMemFree:   499 kB\n"));
        assert!(!is_half_free("MemTotal:  1000 kB\n"));
    }

    #[test]
    fn what_every_machine_reads_can_be_read_here() {
        read(&Layout::of_image()).unwrap();
    }
}
