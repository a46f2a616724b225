//! What the documents promise is there.

use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Each sentence of `docs/delivery.md` names the test that shows it.
#[test]
fn the_tests_that_show_the_guarantee_exist() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/delivery.md")).expect("the page");
    let mut sources = String::new();
    for file in fs::read_dir(Path::new(ROOT).join("tests")).expect("tests/").flatten() {
        if file.path().extension().is_some_and(|extension| extension == "rs") {
            sources += &fs::read_to_string(file.path()).expect("a source");
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what happens"));
    let mut shown = 0;
    for row in rows {
        let cell = row.trim_end_matches('|').rsplit('|').next().expect("a last cell");
        let tests: Vec<_> =
            cell.split('`').skip(1).step_by(2).filter(|name| !name.ends_with(".rs")).collect();
        assert!(!tests.is_empty(), "no test is named: {row}");
        for test in tests {
            assert!(sources.contains(&format!("#[test]\nfn {test}()")), "there is no test {test}");
            shown += 1;
        }
    }
    assert!(shown >= 15, "{shown}");
}

/// A link within the documents leads somewhere.
#[test]
fn links_between_the_documents_lead_somewhere() {
    let mut pages = vec![Path::new(ROOT).join("README.md"), Path::new(ROOT).join("CONTRIBUTING.md")];
    pages
        .extend(fs::read_dir(Path::new(ROOT).join("docs")).expect("docs/").flatten().map(|file| file.path()));
    let mut links = 0;
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().expect("a path");
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(page.with_file_name(target).exists(), "{}: {link}", page.display());
            links += 1;
        }
    }
    assert!(links >= 8, "{links}");
}
