//! Every page with every sample, judged by CSS selectors.

mod samples;

use scraper::{ElementRef, Html, Selector};

use samples::{HOSTILE, Sample, samples};

fn select<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sample(name: &str) -> Sample {
    samples().into_iter().find(|sample| sample.name == name).unwrap()
}

#[test]
fn every_page_names_itself_and_has_one_heading() {
    for sample in samples() {
        let html = sample.document();
        let name = sample.name;
        assert_eq!(select(&html, &format!("body[data-page={}]", sample.page)).len(), 1, "{name}");
        assert_eq!(select(&html, "h1").len(), 1, "{name}");
        assert_eq!(select(&html, "html[lang=en]").len(), 1, "{name}");
        let title = text(select(&html, "title")[0]);
        assert!(title.contains(" – ") && !title.starts_with(' '), "{name}: {title}");
    }
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    for sample in samples() {
        let html = sample.document();
        assert_eq!(select(&html, "script:not([src]), style, [style]").len(), 0, "{}", sample.name);
        for element in select(&html, "*") {
            for (attribute, value) in element.value().attrs() {
                assert!(!attribute.starts_with("on"), "{}: {attribute}", sample.name);
                let loads = matches!(attribute, "src" | "href");
                assert!(
                    !loads || value.starts_with('/') || value.starts_with('#'),
                    "{}: {value}",
                    sample.name
                );
            }
        }
    }
}

#[test]
fn names_are_shown_as_text() {
    for sample in samples() {
        assert_eq!(select(&sample.document(), "b").len(), 0, "{}", sample.name);
    }
    let html = sample("visit").document();
    let names: Vec<_> = select(&html, "#here-list strong").into_iter().map(text).collect();
    assert_eq!(names, ["Dr. Finn (you)", "Maria Ruiz", HOSTILE]);
    let people = select(&html, "#room")[0].attr("data-people").unwrap();
    let people: serde_json::Value = serde_json::from_str(people).unwrap();
    assert_eq!(people[4]["name"], HOSTILE);
}

#[test]
fn every_form_that_changes_something_bears_the_token() {
    for sample in samples() {
        for form in select(&sample.document(), "form[method=post]:not([data-leaves-this-server])") {
            let token = Selector::parse("input[type=hidden][name=csrf][value=csrf-token]").unwrap();
            assert_eq!(form.select(&token).count(), 1, "{}: {:?}", sample.name, form.attr("action"));
        }
    }
    assert_eq!(select(&sample("redirect-post").document(), "input[name=csrf]").len(), 0);
}

#[test]
fn every_input_has_a_label_and_every_id_is_unique() {
    for sample in samples() {
        let html = sample.document();
        for input in select(&html, "input:not([type=hidden]), select, meter") {
            let id = input.attr("id").unwrap_or_else(|| panic!("{}: an input without id", sample.name));
            assert_eq!(select(&html, &format!("label[for={id}]")).len(), 1, "{}: {id}", sample.name);
        }
        let mut ids: Vec<_> = select(&html, "[id]").iter().filter_map(|element| element.attr("id")).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{}", sample.name);
    }
}

#[test]
fn what_changes_stands_in_one_place() {
    for sample in samples() {
        let Some(changed) = &sample.changed else { continue };
        let html = sample.document();
        let inside = select(&html, "#live")[0].inner_html();
        let alone = Html::parse_fragment(&changed.html).root_element().inner_html();
        assert_eq!(inside.trim(), alone.trim(), "{}", sample.name);
        assert_eq!(text(select(&html, "title")[0]), changed.title, "{}", sample.name);
        assert_eq!(changed.page, sample.page);
        let body = select(&html, "body")[0];
        assert_eq!(body.attr("data-state"), Some(changed.state), "{}", sample.name);
        assert_eq!(body.attr("data-last-event"), Some("7"), "{}", sample.name);
        assert_eq!(
            select(&html, "noscript").len(),
            1 + select(&html, "main noscript").len(),
            "{}",
            sample.name
        );
    }
}

#[test]
fn the_event_says_what_is_so() {
    let mut changed = sample("visit").changed.unwrap();
    changed.html.clear();
    changed.people.truncate(2);
    insta::assert_json_snapshot!(changed, @r#"
    {
      "page": "visit",
      "state": "connected",
      "title": "(2 waiting) Ana Ruiz – Lamna Healthcare",
      "html": "",
      "announce": "Ana Ruiz and Sam Cole are waiting.",
      "people": [
        {
          "participant": "dddddddddddddddddddddA",
          "name": "Dr. Finn",
          "role": "provider",
          "connected": true
        },
        {
          "participant": "pppppppppppppppppppppA",
          "name": "Ana Ruiz",
          "role": "patient",
          "connected": false
        }
      ]
    }
    "#);
}

#[test]
fn the_waiting_room_says_who_is_missing_and_what_to_do() {
    let html = sample("waiting").document();
    assert_eq!(
        text(select(&html, "#live")[0]),
        "Dr. Finn has not joined yet. You are checked in. Keep this page open."
    );
    assert_eq!(text(select(&html, "title")[0]), "Waiting room – Lamna Healthcare");
    assert_eq!(text(select(&html, ".facts time")[0]), "Tuesday, March 3 at 2:30 PM CST");
    let here = sample("waiting-clinician-here").document();
    assert_eq!(text(select(&here, "#status")[0]), "Dr. Finn is here and will let you in soon.");
}

#[test]
fn the_clinician_sees_who_waits_and_acts_on_each() {
    let html = sample("visit").document();
    let waiting: Vec<_> = select(&html, "#waiting-list .who").into_iter().map(text).collect();
    assert_eq!(
        waiting,
        [
            "Ana Ruiz Patient, waiting 4 min Device test: works",
            "Sam Cole Interpreter, waiting 1 h 5 min Device test: problem with camera",
        ]
    );
    let actions = |selector: &str| select(&html, selector).len();
    assert_eq!(actions("#waiting-list form[action$='/admit']"), 2);
    assert_eq!(actions("form[action$='/admit-all']"), 1);
    assert_eq!(actions("#here-list form[action$='/send-back']"), 2, "the others, not the clinician");
    assert_eq!(actions("details.confirm form[action$='/remove']"), 4);
    assert_eq!(actions("details.confirm form[action$='/end']"), 1);
    // A page load would cut the call.
    assert_eq!(actions("#live form:not([data-stays])"), 0);
}

#[test]
fn a_direct_links_page_says_whose_it_is_and_nothing_of_the_visit() {
    let html = sample("guest").document();
    assert_eq!(
        text(select(&html, "main")[0]),
        "Video visit Lamna Healthcare invites you to a video visit. Join the video visit \
         This link is for you alone. It works on one device at a time."
    );
    assert_eq!(select(&html, "input:not([type=hidden])").len(), 0);
    let code = sample("guest-code").document();
    assert_eq!(text(select(&code, "[role=alert]")[0]), "That is not what we have. You can try 3 more times.");
    assert_eq!(select(&code, "input[inputmode=numeric][aria-describedby]").len(), 1);
    assert_eq!(select(&sample("guest-born").document(), "input[type=date]").len(), 1);
}

#[test]
fn a_link_is_shown_once_and_renewed_only_while_a_device_holds_it() {
    let html = sample("invitations-fresh").document();
    assert_eq!(select(&html, "#invitations input[readonly][value*='/guest/']").len(), 1);
    assert_eq!(text(select(&html, "#invitation-code")[0]), "123 456");
    assert_eq!(select(&html, "form[action$='/renew']").len(), 1);
    assert_eq!(select(&html, "form[action$='/revoke']").len(), 3);
    let refused = sample("invitations-refused").document();
    let chosen: Vec<_> =
        select(&refused, "option[selected]").iter().filter_map(|option| option.attr("value")).collect();
    assert_eq!(chosen, ["patient", "date-of-birth"], "what was chosen stays");
    let listed = sample("invitations").document();
    assert_eq!(select(&listed, "input[readonly]").len(), 0);
}

#[test]
fn only_a_clinician_reopens() {
    assert_eq!(select(&sample("ended").document(), "form").len(), 0);
    assert_eq!(select(&sample("ended-provider").document(), "form[action$='/reopen']").len(), 1);
}

#[test]
fn an_error_says_what_happened_what_to_do_and_whom_to_call() {
    let sample = sample("error");
    let html = sample.document();
    assert_eq!(select(&html, "body[data-error=unknown-ehr]").len(), 1);
    let main = text(select(&html, "main")[0]);
    assert!(main.contains("Call the video visit desk at 555-0100.") && main.contains("K7QF-2M9X"), "{main}");
    assert!(!main.contains("unknown-ehr"), "no codes for people");
}

#[test]
fn operators_retry_what_can_be_retried() {
    let html = sample("admin-notifications").document();
    let retry: Vec<_> =
        select(&html, "tr:has(form[action$='/retry'])").iter().filter_map(|row| row.attr("id")).collect();
    assert_eq!(retry, ["record-4", "record-3", "record-1"]);
    assert_eq!(text(select(&html, "#record-2 .badge")[0]), "Delivered");
    assert_eq!(select(&html, "td h1").len(), 0);
}

/// For looking at: `cargo test -p web write_gallery -- --ignored`.
#[test]
#[ignore = "writes files to look at"]
fn write_gallery() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages");
    std::fs::create_dir_all(&folder).unwrap();
    for sample in samples() {
        std::fs::write(folder.join(format!("{}.html", sample.name)), &sample.html).unwrap();
    }
}
