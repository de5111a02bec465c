//! Folders and files that nobody else may read.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Why a folder or file cannot be kept private.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrivateError {
    /// It cannot be made, read or written.
    #[error("{} cannot be used", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Others can read or change it and that could not be mended.
    #[error("{} can be read or changed by others (mode {mode:o}); say chmod {wanted:o} to it", path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What it should be.
        wanted: u32,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PrivateError {
    |source| PrivateError::Io { path: path.to_owned(), source }
}

/// Makes a folder, its parents included, with mode 0700; of one that is there
/// others lose their rights.
pub(crate) fn make_folder(path: &Path) -> Result<(), PrivateError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
    // Volumes of container platforms belong to root and a group that is ours.
    close_to_others(path, 0o700, Rights { unwanted: 0o077, intolerable: 0o007 })
}

/// Reads a secret's file. Group members may read it: that is how container
/// platforms hand secrets to a program that is not root.
pub(crate) fn read_secret(path: &Path) -> Result<Option<String>, PrivateError> {
    match fs::read_to_string(path) {
        Ok(text) => {
            close_to_others(path, 0o600, Rights { unwanted: 0o037, intolerable: 0o037 })?;
            Ok(Some(text))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

/// Writes a new file with mode 0600, whole or not at all. `false`: one was
/// there already, and stays.
pub(crate) fn write_new_secret(path: &Path, text: &str) -> Result<bool, PrivateError> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Unlike a rename, a link never replaces.
        let linked = match fs::hard_link(&draft, path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        path.parent().map(File::open).transpose()?.map(|folder| folder.sync_all()).transpose()?;
        Ok(linked)
    };
    let outcome = write().map_err(at(path));
    let _ = fs::remove_file(&draft);
    outcome
}

/// Rights of others, as bits of a mode.
#[derive(Clone, Copy)]
struct Rights {
    /// Taken away where that can be done.
    unwanted: u32,
    /// Refused where they cannot be taken away.
    intolerable: u32,
}

fn close_to_others(path: &Path, wanted: u32, rights: Rights) -> Result<(), PrivateError> {
    let mode = fs::metadata(path).map_err(at(path))?.mode() & 0o777;
    if mode & rights.unwanted == 0 {
        return Ok(());
    }
    let mended = fs::set_permissions(path, Permissions::from_mode(wanted)).is_ok();
    if !mended && mode & rights.intolerable != 0 {
        return Err(PrivateError::Exposed { path: path.to_owned(), mode, wanted });
    }
    if mended {
        tracing::warn!(path = %path.display(), "others could use this (mode {mode:o}); it is {wanted:o} now");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, file) = (folder.path().join("a/b"), folder.path().join("a/b/key"));
        make_folder(&inner).unwrap();
        assert!(write_new_secret(&file, "one").unwrap());
        assert_eq!((mode(&inner), mode(&file)), (0o700, 0o600));
    }

    #[test]
    fn a_secret_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        assert!(write_new_secret(&file, "one").unwrap());
        assert!(!write_new_secret(&file, "two").unwrap());
        assert_eq!(read_secret(&file).unwrap().as_deref(), Some("one"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn what_others_could_read_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        write_new_secret(&file, "one").unwrap();
        for (open, then) in [(0o644, 0o600), (0o640, 0o640), (0o620, 0o600)] {
            fs::set_permissions(&file, Permissions::from_mode(open)).unwrap();
            read_secret(&file).unwrap();
            assert_eq!(mode(&file), then, "{open:o}");
        }
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        make_folder(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
    }
}
