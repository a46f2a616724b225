//! `include/mt5_redis.h` is what cbindgen generates from the sources, and C and C++ compile it without a warning.

use std::fs;
use std::path::Path;
use std::process::Command;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/mt5_redis.h");
const GENERATED: &str = env!("MT5REDIS_GENERATED_HEADER");

#[test]
fn the_committed_header_is_up_to_date() {
    let generated = fs::read_to_string(GENERATED).expect("build.rs wrote it");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        fs::write(COMMITTED, &generated).expect("include/ can be written");
    }
    let committed = fs::read_to_string(COMMITTED).expect("include/mt5_redis.h is there");
    assert!(
        committed == generated,
        "include/mt5_redis.h is stale: refresh it by UPDATE_HEADER=1 cargo test --test header"
    );
}

#[test]
fn every_export_of_the_library_is_in_the_header() {
    let header = fs::read_to_string(COMMITTED).expect("include/mt5_redis.h is there");
    let abi = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/abi");
    let source: String = fs::read_dir(abi)
        .expect("src/abi")
        .map(|file| fs::read_to_string(file.expect("a file").path()).expect("a source"))
        .collect();
    let exported: Vec<&str> = source
        .split("extern \"C\" fn ")
        .skip(1)
        .map(|after| after.split('(').next().expect("a name"))
        .collect();
    assert_eq!(exported.len(), source.matches("#[unsafe(no_mangle)]").count());
    assert!(exported.len() >= 12);
    for name in exported {
        assert!(header.contains(&format!(" {name}(")), "{name} is missing");
    }
}

/// A C program has one scope for all headers.
#[test]
fn every_name_that_the_header_defines_has_the_prefix() {
    let header = fs::read_to_string(COMMITTED).expect("include/mt5_redis.h is there");
    let defined: Vec<&str> = header.lines().filter_map(|line| line.strip_prefix("#define ")).collect();
    assert!(defined.len() > 50, "{}", defined.len());
    for line in defined {
        assert!(line.starts_with("MT5REDIS_") || line == "MT5_REDIS_H", "{line}");
    }
}

#[test]
fn c_and_cplusplus_compile_it() {
    for (compiler, language) in [("cc", "c"), ("c++", "c++")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = folder.path().join("only_the_header.c");
        // Twice, to test its include guard.
        fs::write(
            &source,
            "#include \"mt5_redis.h\"\n#include \"mt5_redis.h\"\nint main(void) { return MT5REDIS_OK; }\n",
        )
        .expect("a source file");
        let output = Command::new(compiler)
            .args(["-x", language, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-I"])
            .arg(Path::new(COMMITTED).parent().expect("include/"))
            .arg(&source)
            .output()
            .unwrap_or_else(|error| panic!("{compiler} is needed: {error}"));
        assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
