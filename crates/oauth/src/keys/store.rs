use std::{
    collections::HashMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use visit::EhrId;
use zeroize::{Zeroize, Zeroizing};

use super::{KeySet, SigningKey};
use crate::SigningAlgorithm;

/// Why keys cannot be read, made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file or directory cannot be read or written.
    #[error("{path}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not what we wrote. It is never replaced: the EHR knows
    /// its keys.
    #[error("{path} is no key set: {reason}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No key could be made.
    #[error("a signing key could not be made")]
    Generate,
    /// The set has no key of this algorithm: somebody changed the file.
    #[error("there is no {0} key")]
    Missing(&'static str),
    /// Nothing could be signed.
    #[error("the signing key could not sign")]
    Sign,
}

/// The key sets of all EHR connections in one directory: `{ehr}.json`, mode
/// 0600, in a directory of mode 0700.
///
/// Several processes may share the directory. Who makes or rotates keys holds
/// a lock on `{ehr}.lock` and replaces the file by renaming; who reads sees
/// the old set or the new one, and notices a new file by itself.
#[derive(Debug)]
pub struct KeyStore {
    dir: PathBuf,
    loaded: Mutex<HashMap<EhrId, (Stamp, Arc<KeySet>)>>,
}

/// What tells one version of a file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

#[derive(Serialize, Deserialize)]
struct StoredSet {
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    algorithm: SigningAlgorithm,
    created_at: Timestamp,
    signs_from: Timestamp,
    /// PKCS#8, base64.
    private_key: String,
}

impl Drop for StoredKey {
    fn drop(&mut self) {
        self.private_key.zeroize();
    }
}

impl KeyStore {
    /// The key sets in this directory, which is made when the first set is.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), loaded: Mutex::default() }
    }

    /// The keys of one connection, made at the first call ever. A call costs
    /// one `stat`; the first one also reading, or making an RSA key (some
    /// 100 ms, blocking).
    pub fn key_set(&self, ehr: &EhrId, now: Timestamp) -> Result<Arc<KeySet>, KeyError> {
        if let Some(set) = self.load(ehr)? {
            return Ok(set);
        }
        let _lock = self.lock(ehr)?;
        // Another process may have been first.
        if let Some(set) = self.load(ehr)? {
            return Ok(set);
        }
        self.write(ehr, &KeySet::generate(now)?)?;
        tracing::info!(%ehr, "signing keys made");
        self.reload(ehr)
    }

    /// Announces a new key of each algorithm: published now, signing after
    /// [`PUBLISH_LEAD`](super::PUBLISH_LEAD). While one is announced, nothing
    /// more happens.
    pub fn rotate(&self, ehr: &EhrId, now: Timestamp) -> Result<Arc<KeySet>, KeyError> {
        self.key_set(ehr, now)?;
        let _lock = self.lock(ehr)?;
        let (_, current) = read(&self.file(ehr))?;
        self.write(ehr, &current.rotated(now)?)?;
        self.reload(ehr)
    }

    fn file(&self, ehr: &EhrId) -> PathBuf {
        self.dir.join(format!("{ehr}.json"))
    }

    /// The set as the file has it now, or none where there is no file.
    fn load(&self, ehr: &EhrId) -> Result<Option<Arc<KeySet>>, KeyError> {
        let path = self.file(ehr);
        let stamp = match fs::metadata(&path) {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(KeyError::File { path, source }),
        };
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, set)) = loaded.get(ehr)
            && *known == stamp
        {
            return Ok(Some(Arc::clone(set)));
        }
        let (stamp, set) = read(&path)?;
        let set = Arc::new(set);
        loaded.insert(ehr.clone(), (stamp, Arc::clone(&set)));
        Ok(Some(set))
    }

    fn reload(&self, ehr: &EhrId) -> Result<Arc<KeySet>, KeyError> {
        let missing = || KeyError::File { path: self.file(ehr), source: io::ErrorKind::NotFound.into() };
        self.load(ehr)?.ok_or_else(missing)
    }

    /// Holds the connection's lock until the file is dropped.
    fn lock(&self, ehr: &EhrId) -> Result<File, KeyError> {
        make_dir(&self.dir).map_err(at(&self.dir))?;
        let path = self.dir.join(format!("{ehr}.lock"));
        let lock = || {
            let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(at(&path))
    }

    /// Replaces the file in one step: after a crash it is the old one or the
    /// new one.
    fn write(&self, ehr: &EhrId, set: &KeySet) -> Result<(), KeyError> {
        let stored = StoredSet { keys: set.keys().iter().map(StoredKey::of).collect::<Result<_, _>>()? };
        let text =
            serde_json::to_string_pretty(&stored).map(Zeroizing::new).map_err(|_| KeyError::Generate)?;
        let path = self.file(ehr);
        let new = path.with_extension("new");
        let replace = || {
            let mut options = OpenOptions::new();
            let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.dir)?.sync_all()
        };
        replace().map_err(at(&path))
    }
}

impl StoredKey {
    fn of(key: &SigningKey) -> Result<Self, KeyError> {
        Ok(Self {
            algorithm: key.algorithm(),
            created_at: key.created_at,
            signs_from: key.signs_from,
            private_key: STANDARD.encode(key.to_pkcs8()?.as_slice()),
        })
    }

    fn to_key(&self) -> Option<SigningKey> {
        let pkcs8 = Zeroizing::new(STANDARD.decode(&self.private_key).ok()?);
        SigningKey::from_pkcs8(self.algorithm, &pkcs8, self.created_at, self.signs_from)
    }
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

fn read(path: &Path) -> Result<(Stamp, KeySet), KeyError> {
    let open = || {
        let mut file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let mut text = Zeroizing::new(String::new());
        io::Read::read_to_string(&mut file, &mut text)?;
        Ok((stamp, text))
    };
    let (stamp, text) = open().map_err(at(path))?;
    let damaged = |reason: String| KeyError::Damaged { path: path.to_owned(), reason };
    // The parser's message would quote what it stumbled over.
    let place = |error: serde_json::Error| damaged(format!("line {}", error.line()));
    let stored: StoredSet = serde_json::from_str(&text).map_err(place)?;
    let keys =
        stored.keys.iter().enumerate().map(|(index, key)| {
            key.to_key().ok_or_else(|| damaged(format!("key {} cannot be used", index + 1)))
        });
    Ok((stamp, KeySet::new(keys.collect::<Result<_, _>>()?)))
}

fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    |source| KeyError::File { path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::now;

    fn ehr() -> EhrId {
        "lamna-test".parse().unwrap()
    }

    fn kids(set: &KeySet) -> Vec<String> {
        set.list(now()).into_iter().map(|info| info.kid).collect()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_are_made_once_and_found_again() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("keys");
        let made = KeyStore::in_dir(&dir).key_set(&ehr(), now()).unwrap();
        let store = KeyStore::in_dir(&dir);
        let found = store.key_set(&ehr(), now()).unwrap();
        assert_eq!(kids(&made), kids(&found));
        assert!(Arc::ptr_eq(&found, &store.key_set(&ehr(), now()).unwrap()), "parsed once");
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join("lamna-test.json")), 0o600);
    }

    #[test]
    fn two_first_starts_make_one_set() {
        let dir = tempfile::tempdir().unwrap();
        let start = || kids(&KeyStore::in_dir(dir.path()).key_set(&ehr(), now()).unwrap());
        let sets: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(sets.iter().all(|kids| *kids == sets[0]));
    }

    #[test]
    fn another_process_rotation_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let store = KeyStore::in_dir(dir.path());
        assert_eq!(kids(&store.key_set(&ehr(), now()).unwrap()).len(), 2);
        KeyStore::in_dir(dir.path()).rotate(&ehr(), now()).unwrap();
        assert_eq!(kids(&store.key_set(&ehr(), now()).unwrap()).len(), 4);
    }

    #[test]
    fn a_damaged_file_is_reported_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lamna-test.json");
        for text in [
            "",
            "{\"keys\": [",
            "{\"keys\":[{\"algorithm\":\"ES384\",\"created_at\":\"2026-11-21T20:00:00Z\",\"signs_from\":\"2026-11-21T20:00:00Z\",\"private_key\":\"c2VjcmV0\"}]}",
        ] {
            fs::write(&path, text).unwrap();
            let error = KeyStore::in_dir(dir.path()).key_set(&ehr(), now()).unwrap_err();
            assert!(matches!(error, KeyError::Damaged { .. }), "{error}");
            assert!(!format!("{error:?}").contains("c2VjcmV0"));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
