//! What the documents promise is there.

use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Each row of a table that promises something names the test that shows it. So does each paragraph about security, which
/// leaves no promise without a test.
#[test]
fn the_tests_that_show_the_guarantees_exist() {
    let mut sources = String::new();
    for folder in ["src", "tests", "worker/src", "fleet/src", "fleet/tests"] {
        read_sources(&Path::new(ROOT).join(folder), &mut sources);
    }
    for (page, least) in [("delivery", 15), ("security", 15)] {
        let path = Path::new(ROOT).join("docs").join(page).with_extension("md");
        let text = fs::read_to_string(path).expect("the page");
        let rows = text.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| shown by |"));
        let mut shown = 0;
        for row in rows {
            let cell = row.trim_end_matches('|').rsplit('|').next().expect("a last cell");
            let tests: Vec<_> =
                cell.split('`').skip(1).step_by(2).filter(|name| !name.ends_with(".rs")).collect();
            // What holds for an administrator needs no test.
            assert!(!tests.is_empty() || row.contains("| everything |"), "no test is named: {row}");
            for test in tests {
                assert!(is_test(test, &sources), "there is no test {test}");
                shown += 1;
            }
        }
        assert!(shown >= least, "{page}: {shown}");
        if page == "security" {
            every_paragraph_names_a_test(&text, &sources);
        }
    }
}

fn is_test(name: &str, sources: &str) -> bool {
    if name.ends_with(".txt") {
        return Path::new(ROOT).join("tests/mql5/scenarios").join(name).exists();
    }
    sources.contains(&format!("#[test]\nfn {name}()"))
}

/// But for what says of itself that nothing shows it, and what a table below shows step by step.
fn every_paragraph_names_a_test(text: &str, sources: &str) {
    let exempt = ["How a password is changed", "What nothing here protects against"];
    for section in text.split("\n## ").skip(1) {
        let (title, section) = section.split_once('\n').expect("a title");
        for paragraph in section.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
            // The rule itself, which the table below it shows.
            if exempt.contains(&title) || paragraph.starts_with("| ") || paragraph.starts_with("**") {
                continue;
            }
            let named = paragraph.split('`').skip(1).step_by(2).any(|name| is_test(name, sources));
            assert!(named, "{title}: no test is named: {paragraph}");
        }
    }
}

fn read_sources(folder: &Path, sources: &mut String) {
    for file in fs::read_dir(folder).expect("a folder of tests").flatten() {
        if file.path().is_dir() {
            read_sources(&file.path(), sources);
        } else if file.path().extension().is_some_and(|extension| extension == "rs") {
            // A module's own tests stand further in.
            let text = fs::read_to_string(file.path()).expect("a source");
            text.lines().for_each(|line| *sources += &format!("{}\n", line.trim_start()));
        }
    }
}

/// A link within the documents leads somewhere.
#[test]
fn links_between_the_documents_lead_somewhere() {
    let mut pages = vec![Path::new(ROOT).join("README.md"), Path::new(ROOT).join("CONTRIBUTING.md")];
    let docs = fs::read_dir(Path::new(ROOT).join("docs")).expect("docs/").flatten().map(|file| file.path());
    pages.extend(docs.filter(|file| file.extension().is_some_and(|extension| extension == "md")));
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

/// Each key that the configuration file may have is explained.
#[test]
fn every_key_of_the_configuration_is_explained() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/configuration.md")).expect("the page");
    let mut keys = std::collections::BTreeSet::new();
    for table in ["journal", "pressure", "ris", "rts", "rtss"] {
        let refusal = mt5_redis::config::parse("", &format!("[{table}]\nx = 1")).unwrap_err().to_string();
        let (_, known) = refusal.split_once("the keys here are ").expect("a list");
        keys.extend(known.split(", ").map(str::to_owned));
    }
    assert!(keys.len() >= 29, "{keys:?}");
    for key in keys {
        assert!(page.contains(&format!("`{key}`")), "docs/configuration.md does not explain {key}");
    }
}

/// The architecture names files and rooms that exist, and every room of the sources.
#[test]
fn the_architecture_names_every_room_and_only_files_that_exist() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/architecture.md")).expect("the page");
    let named: Vec<_> = page.split('`').skip(1).step_by(2).filter(|name| name.contains('/')).collect();
    for name in named.iter().filter(|name| !name.contains('…')) {
        assert!(Path::new(ROOT).join(name).exists(), "there is no {name}");
    }
    for room in fs::read_dir(Path::new(ROOT).join("src")).expect("src").flatten() {
        let name = format!("src/{}", room.file_name().to_str().expect("a plain name"));
        // What Cargo itself asks for, and what only fuzzing has.
        let known = ["src/lib.rs", "src/fuzzing.rs"].contains(&name.as_str());
        assert!(known || named.contains(&name.as_str()), "{name} is not on the page");
    }
    assert!(named.len() > 30, "{}", named.len());
}
