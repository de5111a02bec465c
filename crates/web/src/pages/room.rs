use askama::Template;
use visit::SeatId;

use super::{Live, LivePage, Page, Participant, RosterPerson, Shell, person::name_list};

/// What the room's scripts are told at the start.
#[derive(Debug, Clone)]
pub struct RoomView {
    /// Whose room it is; asks for join tickets at `/seat/{seat}/join`.
    pub seat: SeatId,
    /// Everybody of the visit.
    pub people: Vec<Participant>,
    /// Whether to join at once; otherwise the person presses Join.
    pub starts_by_itself: bool,
    /// Where to ask for this visit in a window of its own, for when a page
    /// that embeds this one keeps camera and microphone from it. A form POSTs
    /// there and is answered by a [`NewWindowPage`](super::NewWindowPage).
    pub new_window_url: Option<String>,
}

impl RoomView {
    /// [`Self::people`] as JSON, for a data attribute.
    pub(super) fn people_json(&self) -> String {
        // Strings, a role and a flag cannot fail to serialize.
        serde_json::to_string(&self.people).unwrap_or_default()
    }
}

/// The room, for everybody who was let in but runs nothing.
#[derive(Debug, Template)]
#[template(path = "visit/room.html", blocks = ["live"])]
pub struct RoomPage {
    /// What every live page has.
    pub live: Live,
    /// The clinician's name, as in "Dr. Finn".
    pub clinician: Option<String>,
    /// Everybody of the visit, this person too.
    pub people: Vec<RosterPerson>,
    /// The room.
    pub room: RoomView,
}

impl RoomPage {
    fn heading(&self) -> String {
        match &self.clinician {
            Some(name) => format!("Video visit with {name}"),
            None => "Video visit".into(),
        }
    }

    /// Who else is connected, in words.
    fn company(&self) -> String {
        let others = self.people.iter().filter(|person| person.seat != self.live.seat);
        let connected: Vec<_> = others.filter(|person| person.participant().connected).collect();
        let names = name_list(connected.iter().map(|person| person.shown_name()));
        match connected.len() {
            0 => "Nobody else is here yet.".into(),
            1 => format!("{names} is here."),
            _ => format!("{names} are here."),
        }
    }
}

impl Page for RoomPage {
    const PAGE: &'static str = "room";

    fn shell(&self) -> &Shell {
        &self.live.shell
    }

    fn state(&self) -> &'static str {
        let me = self.people.iter().find(|person| person.seat == self.live.seat);
        me.map_or("", |person| person.state.as_str())
    }

    fn title(&self) -> String {
        self.heading()
    }
}

impl LivePage for RoomPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_live().render()
    }

    fn announcement(&self) -> String {
        self.company()
    }

    fn people(&self) -> Vec<Participant> {
        self.people.iter().map(RosterPerson::participant).collect()
    }
}
