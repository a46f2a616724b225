//! The MQL5 include says what the C header says: the same functions, constants and structs.
//!
//! MetaEditor cannot compare an `#import` block with a library, and a wrong one runs and corrupts memory. So
//! both files are parsed here, the header is put into MQL5's words, and the two are compared name by name.
//! What the parsers know is exactly what the two files use; anything else is a difference, not skipped.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

/// The functions, constants and structs of one file, in MQL5's words.
#[derive(Default)]
struct Interface {
    /// By name: `long mt5redis_committed(long handle, int lane)`.
    functions: BTreeMap<String, String>,
    constants: BTreeMap<String, i64>,
    /// By name: the fields in their order, `long time_ms`.
    structs: BTreeMap<String, Vec<String>>,
}

fn read(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn header() -> String {
    read("include/mt5_redis.h")
}

fn include() -> String {
    read("mql5/Include/Mt5Redis/Mt5RedisApi.mqh")
}

/// The text without comments.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("//").into_iter().chain(rest.find("/*")).min() {
        code.push_str(&rest[..at]);
        let end = if rest[at..].starts_with("//") { "\n" } else { "*/" };
        let after = rest[at..].find(end).map_or("", |length| &rest[at + length..]);
        rest = after.strip_prefix("*/").unwrap_or(after);
    }
    code + rest
}

/// Words, and every other sign on its own.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_alphanumeric() || character == '_' {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        if !character.is_whitespace() {
            tokens.push(character.to_string());
        }
    }
    tokens
}

/// The `#define`s of numbers whose names begin with `MT5REDIS_`.
fn constants(code: &str) -> BTreeMap<String, i64> {
    let mut constants = BTreeMap::new();
    for line in code.lines() {
        let Some(definition) = line.trim().strip_prefix("#define MT5REDIS_") else { continue };
        let (name, value) = definition.split_once(char::is_whitespace).unwrap_or((definition, ""));
        let value = value.trim().trim_start_matches('(').trim_end_matches(')');
        let number = value.parse().unwrap_or_else(|_| panic!("MT5REDIS_{name} is no number: {value:?}"));
        assert_eq!(
            constants.insert(format!("MT5REDIS_{name}"), number),
            None,
            "MT5REDIS_{name} is defined twice"
        );
    }
    constants
}

/// The declarations between braces or parentheses: `separator` ends each, the last one may lack it.
fn declarations(text: &str, separator: char, in_mql5: impl Fn(&[String]) -> String) -> Vec<String> {
    text.split(separator)
        .map(tokens)
        .filter(|tokens| !tokens.is_empty())
        .map(|tokens| in_mql5(&tokens))
        .collect()
}

/// A C declaration, `const uint16_t *text`, in MQL5's words: `string text`.
fn from_c(tokens: &[String]) -> String {
    let (name, kind) = tokens.split_last().expect("not empty");
    let kind: Vec<&str> = kind.iter().map(String::as_str).collect();
    match kind[..] {
        ["int32_t"] => format!("int {name}"),
        ["int64_t"] => format!("long {name}"),
        ["double"] => format!("double {name}"),
        ["const", "uint16_t", "*"] => format!("string {name}"),
        ["uint16_t", "*"] => format!("ushort &{name}[]"),
        ["const", "int64_t", "*"] => format!("const long &{name}[]"),
        ["const", structure, "*"] if structure.starts_with("mt5redis_") => {
            format!("const {structure} &{name}")
        }
        [structure, "*"] if structure.starts_with("mt5redis_") => format!("{structure} &{name}"),
        _ => format!("<no MQL5 for the C type {kind:?}> {name}"),
    }
}

/// An MQL5 declaration with its spaces in one way.
fn from_mql5(tokens: &[String]) -> String {
    let mut text = String::new();
    for token in tokens {
        if !(text.is_empty() || text.ends_with('&') || token == "[" || token == "]") {
            text.push(' ');
        }
        text.push_str(token);
    }
    text
}

/// Takes the prototypes, `result name(parameters);`, out of code that has nothing else.
fn functions(code: &str, in_mql5: impl Fn(&[String]) -> String) -> BTreeMap<String, String> {
    let mut functions = BTreeMap::new();
    for prototype in code.split(';').filter(|prototype| !prototype.trim().is_empty()) {
        let (head, parameters) =
            prototype.split_once('(').unwrap_or_else(|| panic!("no prototype: {prototype}"));
        let parameters = parameters.trim_end().strip_suffix(')').expect("a closing parenthesis");
        let head = tokens(head);
        let name = head.last().expect("a name").clone();
        let parameters = declarations(parameters, ',', &in_mql5).join(", ");
        let before = functions.insert(name.clone(), format!("{}({parameters})", in_mql5(&head)));
        assert_eq!(before, None, "{name} is declared twice");
    }
    functions
}

fn parse_header(text: &str) -> Interface {
    let code = code(text);
    let mut interface = Interface { constants: constants(&code), ..Interface::default() };
    let mut rest: String =
        code.lines().filter(|line| !line.starts_with('#')).map(|line| line.to_owned() + "\n").collect();
    while let Some((before, structure)) = rest.split_once("typedef struct {") {
        let (fields, after) = structure.split_once('}').expect("a closing brace");
        let (name, after) = after.split_once(';').expect("the struct's name");
        interface.structs.insert(name.trim().to_owned(), declarations(fields, ';', from_c));
        rest = format!("{before}{after}");
    }
    let prototypes = rest.split_once("extern \"C\" {").expect("the functions").1;
    interface.functions = functions(prototypes.rsplit_once('}').expect("a closing brace").0, from_c);
    interface
}

fn parse_include(text: &str) -> Interface {
    let code = code(text);
    let mut interface = Interface { constants: constants(&code), ..Interface::default() };
    for structure in code.split("\nstruct ").skip(1) {
        let (name, fields) = structure.split_once('{').expect("an opening brace");
        let fields = fields.split_once("};").expect("a closing brace").0;
        interface.structs.insert(name.trim().to_owned(), declarations(fields, ';', from_mql5));
    }
    let block = code.split_once("#import \"mt5_redis.dll\"").expect("the library by its name").1;
    interface.functions = functions(block.split_once("#import").expect("the end of the block").0, from_mql5);
    interface
}

/// What stands on one side only, or differently on both: one line each.
fn compare<T: PartialEq + Debug>(header: &BTreeMap<String, T>, include: &BTreeMap<String, T>) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, ours) in header {
        match include.get(name) {
            Some(theirs) if theirs == ours => {}
            Some(theirs) => differences.push(format!("{name}: header {ours:?}, include {theirs:?}")),
            None => differences.push(format!("{name}: header {ours:?}, not in the include")),
        }
    }
    for (name, theirs) in include.iter().filter(|(name, _)| !header.contains_key(*name)) {
        differences.push(format!("{name}: include {theirs:?}, not in the header"));
    }
    differences
}

fn differences(header: &str, include: &str) -> Vec<String> {
    let (header, include) = (parse_header(header), parse_include(include));
    let mut differences = compare(&header.functions, &include.functions);
    differences.extend(compare(&header.constants, &include.constants));
    differences.extend(compare(&header.structs, &include.structs));
    differences
}

#[test]
fn the_include_says_what_the_header_says() {
    let differences = differences(&header(), &include());
    assert!(differences.is_empty(), "Mt5RedisApi.mqh and mt5_redis.h differ:\n{}", differences.join("\n"));
}

#[test]
fn nothing_was_overlooked() {
    let abi = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/abi")).expect("src/abi");
    let sources: String =
        abi.map(|file| fs::read_to_string(file.expect("a file").path()).expect("a source")).collect();
    let exports = sources.matches("#[unsafe(no_mangle)]").count();
    assert!(exports > 0);
    for (text, interface) in [(header(), parse_header(&header())), (include(), parse_include(&include()))] {
        assert_eq!(interface.functions.len(), exports);
        let defined = text.matches("#define MT5REDIS_").count();
        assert!(defined > 0);
        assert_eq!(interface.constants.len(), defined);
        assert_eq!(
            interface.structs.keys().collect::<Vec<_>>(),
            [
                "mt5redis_deal_t",
                "mt5redis_instance_t",
                "mt5redis_received_t",
                "mt5redis_report_t",
                "mt5redis_signal_t",
                "mt5redis_trade_t"
            ]
        );
        assert_eq!(interface.structs.values().map(Vec::len).collect::<Vec<_>>(), [14, 18, 23, 19, 17, 20]);
    }
}

#[test]
fn each_kind_of_type_is_put_into_mql5s_words() {
    let functions = parse_header(&header()).functions;
    for (name, signature) in [
        ("mt5redis_version", "int mt5redis_version(ushort &buffer[], int capacity)"),
        ("mt5redis_open", "long mt5redis_open(string config, string instance, string data_folder)"),
        (
            "mt5redis_signal",
            "long mt5redis_signal(long handle, const mt5redis_signal_t &signal, string symbol, string comment)",
        ),
        (
            "mt5redis_open_positions",
            "long mt5redis_open_positions(long handle, long time_ms, const long &positions[], int count)",
        ),
    ] {
        assert_eq!(functions[name], signature);
    }
}

/// Replaces the first `from` in the include and expects exactly the differences whose lines begin with these.
fn spoiled(from: &str, to: &str, expected: &[&str]) {
    let include = include();
    assert!(include.contains(from), "the include has no {from:?}: adapt this test");
    let differences = differences(&header(), &include.replacen(from, to, 1));
    assert_eq!(differences.len(), expected.len(), "{from:?} -> {to:?}: {differences:?}");
    for (difference, expected) in differences.iter().zip(expected) {
        assert!(difference.starts_with(expected), "{from:?} -> {to:?}: {difference}");
    }
}

#[test]
fn a_spoiled_signature_is_found_and_shown_on_both_sides() {
    spoiled(
        "mt5redis_flush(long handle,int timeout_ms)",
        "mt5redis_flush(long handle,long timeout_ms)",
        &["mt5redis_flush: header \"int mt5redis_flush(long handle, int timeout_ms)\", \
         include \"int mt5redis_flush(long handle, long timeout_ms)\""],
    );
    spoiled(
        "mt5redis_committed(long handle,int lane)",
        "mt5redis_committed(int lane)",
        &["mt5redis_committed: header"],
    );
    spoiled("long   mt5redis_open(", "int    mt5redis_open(", &["mt5redis_open: header"]);
    spoiled("string config,string instance", "string instance,string config", &["mt5redis_open: header"]);
    spoiled("string config", "ushort &config[]", &["mt5redis_open: header"]);
    spoiled("const long &positions[]", "long &positions[]", &["mt5redis_open_positions: header"]);
    spoiled(
        "const mt5redis_trade_t &state",
        "const mt5redis_signal_t &state",
        &["mt5redis_trade_state: header"],
    );
    spoiled("const mt5redis_trade_t &state", "mt5redis_trade_t state", &["mt5redis_trade_state: header"]);
    spoiled("ushort &buffer[],int capacity", "uchar &buffer[],int capacity", &["mt5redis_version: header"]);
}

#[test]
fn a_function_on_one_side_only_is_found() {
    spoiled("int    mt5redis_close(long handle,int timeout_ms);", "", &["mt5redis_close: header"]);
    spoiled(
        "int    mt5redis_close(",
        "int    mt5redis_shut(",
        &["mt5redis_close: header", "mt5redis_shut: include"],
    );
}

#[test]
fn a_spoiled_constant_is_found() {
    let differs = "MT5REDIS_ERR_QUEUE_FULL: header -8, include -9";
    spoiled("#define MT5REDIS_ERR_QUEUE_FULL       (-8)", "#define MT5REDIS_ERR_QUEUE_FULL (-9)", &[differs]);
    spoiled("#define MT5REDIS_SIDE_SELL ", "#define SIDE_SELL ", &["MT5REDIS_SIDE_SELL: header 2, not in"]);
    spoiled(
        "#define MT5REDIS_OK ",
        "#define MT5REDIS_EXTRA 5\n#define MT5REDIS_OK ",
        &["MT5REDIS_EXTRA: include 5, not in"],
    );
}

#[test]
fn a_spoiled_struct_is_found() {
    let swapped = include().replacen("   double    swap;", "   double    commission;", 1).replacen(
        "   double    commission;         // commission and fees",
        "   double    swap;",
        1,
    );
    assert_eq!(differences(&header(), &swapped).len(), 1);
    spoiled("   int       leverage;", "   long      leverage;", &["mt5redis_instance_t: header"]);
    spoiled("   long      expiry_ms;", "", &["mt5redis_signal_t: header"]);
    spoiled("   long      expiry_ms;", "   long      expires_ms;", &["mt5redis_signal_t: header"]);
}

#[test]
fn the_manual_explains_every_error() {
    let manual = read("docs/mql5.md");
    for (name, number) in parse_header(&header()).constants {
        if let Some(short) = name.strip_prefix("MT5REDIS_ERR_") {
            let row = format!("| {number} | `{short}` |");
            assert!(manual.contains(&row), "docs/mql5.md has no row {row}");
        }
    }
}
