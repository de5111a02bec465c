use aws_lc_rs::rand::{SecureRandom, SystemRandom as AwsLcRandom};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// A source of random bytes fit for secrets.
pub trait Random: Send + Sync {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// What callers make of random bytes.
pub trait RandomExt: Random {
    /// `N` random bytes.
    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut buffer = [0; N];
        self.fill(&mut buffer);
        buffer
    }

    /// `N` random bytes as base64url without padding: safe in URLs, cookies
    /// and HTML. Sixteen bytes are 128 bits in 22 characters.
    fn token<const N: usize>(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<N>())
    }
}

impl<R: Random + ?Sized> RandomExt for R {}

/// The operating system's generator.
#[derive(Debug, Default)]
pub struct SystemRandom(AwsLcRandom);

impl SystemRandom {
    /// The operating system's generator.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        // aws-lc aborts rather than answer weak bytes; the Result is a relic
        // of ring's interface.
        self.0.fill(buffer).expect("the system's random generator answers");
    }
}
