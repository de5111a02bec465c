//! Who may open a direct link.
//!
//! One device holds a link at a time, and a second one is refused, whatever
//! it answers: the token may have been forwarded. It gets in when the first
//! device gives the link up or a provider renews it, and answers the second
//! factor itself. Wrong answers count over the link's whole life; after the
//! fifth somebody has to make a new link.

use jiff::Timestamp;

use super::{Command, DeviceSecret, Event, GuestLink, GuestRefused, GuestState, SealedAnswer, SecondFactor};

/// How many wrong answers lock a link.
pub const MOST_TRIES: u8 = 5;

/// Judges a command. The answer is what happens, in order, and may be nothing
/// (the device that holds the link opens it again); the link itself is
/// unchanged. A wrong answer is something that happens and has to be stored:
/// whether somebody got in, only [`GuestLink::entry`] tells.
pub fn apply(link: &GuestLink, command: Command, now: Timestamp) -> Result<Vec<Event>, GuestRefused> {
    match command {
        Command::Open { device, fresh_device, answer } => {
            open(link, device.as_ref(), &fresh_device, answer.as_ref(), now)
        }
        Command::Release { device } => release(link, &device),
        Command::Renew { by } => {
            good(link, now)?;
            Ok(held(link).then_some(Event::Renewed { by }).into_iter().collect())
        }
        Command::Revoke { by } => {
            let revoked = link.state == GuestState::Revoked;
            Ok((!revoked).then_some(Event::Revoked { by }).into_iter().collect())
        }
    }
}

fn open(
    link: &GuestLink,
    device: Option<&DeviceSecret>,
    fresh_device: &DeviceSecret,
    answer: Option<&SealedAnswer>,
    now: Timestamp,
) -> Result<Vec<Event>, GuestRefused> {
    good(link, now)?;
    if device.is_some_and(|device| link.is_held_by(device)) {
        return Ok(Vec::new());
    }
    if held(link) {
        return Err(GuestRefused::HeldElsewhere);
    }
    match &link.second_factor {
        Some(factor) if !is_right(factor, answer)? => Ok(wrong_answer(link)),
        _ => Ok(vec![Event::Opened { device: fresh_device.hash() }]),
    }
}

fn is_right(factor: &SecondFactor, answer: Option<&SealedAnswer>) -> Result<bool, GuestRefused> {
    let answer = answer.ok_or(GuestRefused::AnswerNeeded(factor.kind()))?;
    Ok(factor.is_right(answer))
}

fn wrong_answer(link: &GuestLink) -> Vec<Event> {
    let last = link.wrong_answers.saturating_add(1) >= MOST_TRIES;
    [Event::AnsweredWrongly].into_iter().chain(last.then_some(Event::Locked)).collect()
}

/// Giving up is allowed whatever the time: it opens nothing.
fn release(link: &GuestLink, device: &DeviceSecret) -> Result<Vec<Event>, GuestRefused> {
    if held(link) && !link.is_held_by(device) {
        return Err(GuestRefused::HeldElsewhere);
    }
    Ok(held(link).then_some(Event::Released).into_iter().collect())
}

fn held(link: &GuestLink) -> bool {
    matches!(link.state, GuestState::Held { .. })
}

fn good(link: &GuestLink, now: Timestamp) -> Result<(), GuestRefused> {
    match link.state {
        GuestState::Revoked => Err(GuestRefused::Revoked),
        GuestState::Locked => Err(GuestRefused::Locked),
        GuestState::Free | GuestState::Held { .. } if now < link.not_before => Err(GuestRefused::TooEarly),
        GuestState::Free | GuestState::Held { .. } if now >= link.expires_at => Err(GuestRefused::Expired),
        GuestState::Free | GuestState::Held { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests;
