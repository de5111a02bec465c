use askama::Template;
use links::guest::FactorKind;

use super::{Page, Shell};

/// What was wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerProblem {
    /// It cannot be an answer, and was no try.
    Unreadable,
    /// It is not the right one.
    Wrong {
        /// How many more there may be.
        tries_left: u8,
    },
}

/// The page of a direct link before it is opened: whose visit it is, and
/// nothing of the visit.
#[derive(Debug, Template)]
#[template(path = "links/guest.html")]
pub struct GuestPage {
    /// Organisation and looks.
    pub shell: Shell,
    /// The CSRF token.
    pub csrf: String,
    /// What is asked besides the link.
    pub asks: Option<FactorKind>,
    /// What was wrong with the answer before.
    pub problem: Option<AnswerProblem>,
}

impl GuestPage {
    fn asks_for_code(&self) -> bool {
        self.asks == Some(FactorKind::Code)
    }

    fn problem_words(&self) -> Option<String> {
        Some(match (self.problem?, self.asks_for_code()) {
            (AnswerProblem::Unreadable, true) => "Enter the six digits of the code.".into(),
            (AnswerProblem::Unreadable, false) => "Enter the whole date of birth.".into(),
            (AnswerProblem::Wrong { tries_left: 1 }, _) => {
                "That is not what we have. You can try once more.".into()
            }
            (AnswerProblem::Wrong { tries_left }, _) => {
                format!("That is not what we have. You can try {tries_left} more times.")
            }
        })
    }
}

impl Page for GuestPage {
    const PAGE: &'static str = "guest";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn title(&self) -> String {
        "Join the video visit".into()
    }
}
