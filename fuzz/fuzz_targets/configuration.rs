//! A configuration, whatever it is, is read, or refused with file and line. Nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mt5_redis::config::{Config, parse};

fuzz_target!(|text: &str| {
    if let Err(error) = parse("fuzz.toml", text) {
        assert!(error.to_string().starts_with("fuzz.toml:"), "{error}");
    }
    if let Ok(config) = Config::of_url(text, "") {
        assert!(!config.rts.endpoint.name().is_empty());
    }
});
