//! Style sheets, scripts and icons, built into the program.
//!
//! They are served under `/assets/{version}/{name}`, where the version is a
//! hash over all of them: a page names the very files that it was built with,
//! browsers may keep them for ever, and an ES module finds its neighbours by
//! relative import.

use std::sync::LazyLock;

/// One file.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Its path below the version, as in `room/room.js`.
    pub name: &'static str,
    /// The `Content-Type` header.
    pub content_type: &'static str,
    /// What it holds.
    pub bytes: &'static [u8],
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! assets {
    ($($name:literal $content_type:ident),* $(,)?) => {
        [$(Asset {
            name: $name,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../assets/", $name)),
        }),*]
    };
}

/// All files.
pub const ALL: &[Asset] = &assets![
    "admin.css" CSS,
    "backoff.js" JS,
    "base.css" CSS,
    "device-test.css" CSS,
    "device-test/device-test.js" JS,
    "device-test/microphone.js" JS,
    "device-test/probe.js" JS,
    "device-test/verdict.js" JS,
    "favicon.svg" SVG,
    "http.js" JS,
    "icons.svg" SVG,
    "invite.js" JS,
    "live.js" JS,
    "media/capture.js" JS,
    "media/errors.js" JS,
    "morph.js" JS,
    "redirect-post.js" JS,
    "room.css" CSS,
    "room/controls.js" JS,
    "room/local-media.js" JS,
    "room/native.js" JS,
    "room/room.js" JS,
    "room/session.js" JS,
    "room/tiles.js" JS,
    "room/words.js" JS,
    "times.js" JS,
    "visit.css" CSS,
];

/// The file of that name.
pub fn find(name: &str) -> Option<&'static Asset> {
    ALL.iter().find(|asset| asset.name == name)
}

/// The version of this program's files: 16 hexadecimal digits. A request for
/// another version comes from a page of another build (a rolling update); it
/// may be answered with the present file, but must not be cached.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let parts = ALL.iter().flat_map(|asset| [asset.name.as_bytes(), asset.bytes]);
        format!("{:016x}", fnv1a(parts))
    });
    &VERSION
}

/// The address of a file, for templates.
pub(crate) fn url(name: &str) -> String {
    debug_assert!(find(name).is_some(), "no asset {name}");
    format!("/assets/{}/{name}", version())
}

/// FNV-1a. It tells builds apart and guards nothing.
fn fnv1a<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u64 {
    parts
        .flatten()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    fn files_in(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                files_in(&entry.path(), &format!("{name}/"), found);
            } else {
                found.insert(name);
            }
        }
    }

    #[test]
    fn every_file_is_listed_once() {
        let mut found = BTreeSet::new();
        files_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets"), "", &mut found);
        found.retain(|name| !name.starts_with("tests/") && name != "package.json");
        let listed: Vec<_> = ALL.iter().map(|asset| asset.name.to_owned()).collect();
        assert_eq!(listed, found.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn modules_import_only_files_that_are_there() {
        for asset in ALL.iter().filter(|asset| asset.content_type == JS) {
            let folder = asset.name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let source = std::str::from_utf8(asset.bytes).unwrap();
            for import in source.lines().filter_map(|line| line.split_once(" from '")) {
                let target = import.1.trim_end_matches(['\'', ';']);
                let name = match (target.strip_prefix("../"), target.strip_prefix("./"), folder) {
                    (Some(up), _, _) => up.to_owned(),
                    (_, Some(here), "") => here.to_owned(),
                    (_, Some(here), folder) => format!("{folder}/{here}"),
                    _ => panic!("{}: {target} is not relative", asset.name),
                };
                assert!(find(&name).is_some(), "{} imports {name}", asset.name);
            }
        }
    }

    #[test]
    fn nothing_is_loaded_from_another_host() {
        for asset in ALL {
            let text = std::str::from_utf8(asset.bytes).unwrap().replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{}", asset.name);
        }
    }

    #[test]
    fn an_address_bears_the_version() {
        assert_eq!(url("live.js"), format!("/assets/{}/live.js", version()));
        assert_eq!(version().len(), 16);
    }
}
