//! The operator's manual says what the tables say.
#![expect(clippy::disallowed_methods, clippy::string_slice, reason = "a test reads its own files")]

use shield_tests::{root, text};

#[test]
fn the_page_about_configuration_lists_every_setting() {
    let page = text("docs/operations/configuration.md");
    let mut expected = String::from("| setting | default | meaning |\n|---|---|---|\n");
    for (name, default, meaning) in shield_runtime::config::settings() {
        expected += &format!("| `{name}` | {default} | {meaning} |\n");
    }
    let start = page.find("| setting |").expect("the page has a table");
    let end = page[start..].find("\n\n").map_or(page.len(), |end| start + end + 1);
    if page[start..end] != expected {
        let mended = format!("{}{expected}{}", &page[..start], &page[end..]);
        std::fs::write(root().join("docs/operations/configuration.md"), mended).expect("the page can be written");
        panic!("the table was not what SETTINGS says; it has been written anew");
    }
}

#[test]
fn every_metric_has_a_line_in_the_manual() {
    let page = text("docs/operations/metrics.md");
    let origin = shield_tests::origin::Origin::plain();
    let live = shield_tests::shop::in_front_of(&origin);
    let metrics = live.operator("GET", "/metrics").text();
    let names: Vec<_> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(names.len() > 15);
    let missing: Vec<_> = names.iter().filter(|name| !page.contains(&format!("`{name}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
