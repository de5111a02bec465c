use askama::Template;
use serde::{Deserialize, Serialize};

use super::{Page, Shell};

/// How one part of a device test came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// It works.
    Pass,
    /// It works, with a reserve.
    Warn,
    /// It does not work.
    Fail,
    /// It was not, or could not be, tested. That says nothing about the device.
    NotRun,
}

/// What lies behind a [`Check`] that did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The person, browser or system refused the camera.
    CameraDenied,
    /// There is no camera.
    CameraNotFound,
    /// Another program holds the camera.
    CameraInUse,
    /// The person, browser or system refused the microphone.
    MicrophoneDenied,
    /// There is no microphone.
    MicrophoneNotFound,
    /// Another program holds the microphone.
    MicrophoneInUse,
    /// The microphone is open and nothing comes from it.
    MicrophoneSilent,
    /// What comes from the microphone is hardly to be heard.
    MicrophoneQuiet,
    /// The embedding page does not pass camera and microphone on.
    BlockedByEmbedder,
    /// The browser gives no page camera and microphone here: an app's built-in
    /// browser, or a page without https.
    NoMediaInThisBrowser,
    /// The person did not hear the tone.
    SpeakerNotHeard,
    /// Only TCP comes through.
    TcpOnly,
    /// Round trips take long.
    SlowConnection,
    /// The delay varies much.
    UnsteadyConnection,
    /// Packets are lost.
    LossyConnection,
    /// Neither UDP nor TCP comes through.
    NoMediaPath,
    /// The connection could not be tested.
    ConnectionNotTested,
}

/// How packets travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// What was measured on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The median round trip, in milliseconds.
    pub rtt_ms: f64,
    /// The mean difference between one round trip and the next, in
    /// milliseconds.
    pub jitter_ms: f64,
    /// Probes without an echo, in percent.
    pub loss_percent: f64,
    /// How they travelled.
    pub transport: Transport,
}

/// Which browser, no closer than its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BrowserFamily {
    /// Chrome and what is built on Chromium but Edge.
    Chrome,
    /// Microsoft Edge.
    Edge,
    /// Firefox.
    Firefox,
    /// Safari, and every browser of an iPhone.
    Safari,
    /// Another.
    Other,
}

/// The result of a device test, as the page POSTs it and as it is kept with
/// the visit (JSON).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceTestResult {
    /// The camera.
    pub camera: Check,
    /// The microphone.
    pub microphone: Check,
    /// The speaker.
    pub speaker: Check,
    /// The connection to this server's media port.
    pub connection: Check,
    /// The worst of the four; [`Check::NotRun`] where none was tested.
    pub overall: Check,
    /// What lies behind it.
    pub reason_codes: Vec<Reason>,
    /// What was measured, where the connection could be tested.
    pub metrics: Option<Metrics>,
    /// From start to verdict, in milliseconds.
    pub took_ms: u32,
    /// Which browser.
    pub browser: BrowserFamily,
}

impl DeviceTestResult {
    /// What a clinician reads beside the person, after "Device test: ".
    pub fn words(&self) -> String {
        let parts = [
            ("camera", self.camera),
            ("microphone", self.microphone),
            ("speaker", self.speaker),
            ("connection", self.connection),
        ];
        let of = |check| parts.iter().filter(move |part| part.1 == check).map(|part| part.0);
        let failed: Vec<_> = of(Check::Fail).collect();
        let weak: Vec<_> = of(Check::Warn).collect();
        match (failed.as_slice(), weak.as_slice()) {
            ([], []) if of(Check::Pass).next().is_none() => "could not be run".into(),
            ([], []) => "works".into(),
            ([], weak) => format!("weak {}", weak.join(" and ")),
            (failed, _) => format!("problem with {}", failed.join(" and ")),
        }
    }

    pub(super) fn tone(&self) -> &'static str {
        match self.overall {
            Check::Pass => "good",
            Check::Warn => "fair",
            Check::Fail => "bad",
            Check::NotRun => "unknown",
        }
    }
}

/// The device test itself, a page of its own or part of the waiting room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceTestPanel {
    /// Where the result is POSTed to as JSON ([`DeviceTestResult`]).
    pub result_url: Option<String>,
}

/// The device test as a page of its own.
#[derive(Debug, Template)]
#[template(path = "device_test/page.html")]
pub struct DeviceTestPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The CSRF token for the header `X-CSRF-Token`.
    pub csrf: String,
    /// The test.
    pub device_test: DeviceTestPanel,
}

impl Page for DeviceTestPage {
    const PAGE: &'static str = "device-test";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn title(&self) -> String {
        "Test your camera and sound".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTED: &str = r#"{"camera":"pass","microphone":"warn","speaker":"pass","connection":"fail","overall":"fail",
        "reason_codes":["microphone-quiet","no-media-path"],"metrics":null,"took_ms":21000,"browser":"firefox"}"#;

    #[test]
    fn reads_what_the_page_posts() {
        let result: DeviceTestResult = serde_json::from_str(POSTED).unwrap();
        assert_eq!(result.reason_codes, [Reason::MicrophoneQuiet, Reason::NoMediaPath]);
        assert!(
            serde_json::from_str::<DeviceTestResult>(&POSTED.replace("firefox", "Pat's iPhone")).is_err()
        );
    }

    #[test]
    fn says_the_worst_first() {
        let mut result: DeviceTestResult = serde_json::from_str(POSTED).unwrap();
        assert_eq!(result.words(), "problem with connection");
        result.connection = Check::Pass;
        assert_eq!(result.words(), "weak microphone");
        result.microphone = Check::NotRun;
        assert_eq!(result.words(), "works");
        (result.camera, result.speaker, result.connection) = (Check::NotRun, Check::NotRun, Check::NotRun);
        assert_eq!(result.words(), "could not be run");
    }
}
